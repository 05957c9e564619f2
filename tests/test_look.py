"""What `--mode=check` sees of the data, and what it refuses."""

import gzip
import json
import re

import numpy as np
import pytest
from tables import PARTS
from test_idx import idx_bytes
from test_main import CHECK, assert_refused, ganjax, points  # noqa: F401

from ganjax.config import section
from ganjax.config.catalogue import load
from ganjax.data import DataError

FILES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")


@pytest.fixture(autouse=True)
def _no_data(monkeypatch):
    monkeypatch.delenv("GANJAX_DATA", raising=False)


def look_at(name, directory="", **values):
    keys = {"directory": str(directory)} if directory else {}
    return load(PARTS["data"][name].look)(section("data", name, **keys, **values))


def refusal(*arguments):
    with pytest.raises(DataError) as caught:
        look_at(*arguments)
    return str(caught.value)


def touch(folder, *names):
    """Files that are no images: nothing is decoded."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def flat(folder, count=6):
    return touch(folder, *(f"{number}.png" for number in range(count)))


def classes(folder, *names, count=3):
    files = [f"{name}/{number}.png" for name in names for number in range(count)]
    return touch(folder, "README", *files)


def write_idx(folder, images=(7, 28, 28), labels=(7,)):
    folder.mkdir()
    for name, shape in zip(FILES, (images, labels), strict=True):
        content = idx_bytes(np.zeros(shape, np.uint8))
        (folder / name).write_bytes(gzip.compress(content))
    return folder


@pytest.mark.parametrize("name", ["image_folder", "own_images"])
def test_flat_folder(name, tmp_path):
    assert look_at(name, flat(tmp_path)) == f"6 images in {tmp_path}"
    (tmp_path / "0.png").unlink()
    words = f"5 images in {tmp_path} are too few; at least 6"
    assert refusal(name, tmp_path) == words


@pytest.mark.parametrize("name", ["class_folders", "own_images"])
def test_class_folders(name, tmp_path):
    classes(tmp_path, "cat", "dog")
    assert look_at(name, tmp_path) == f"6 images in {tmp_path}, 2 classes"
    (tmp_path / "owl").mkdir()
    assert "the class folder owl holds no image" in refusal(name, tmp_path)


def test_missing_folders_and_layouts(tmp_path):
    assert "must name a folder of images" in refusal("own_images")
    assert "is not a folder" in refusal("own_images", tmp_path / "no")
    assert "holds no image" in refusal("image_folder", tmp_path)
    said = refusal("class_folders", flat(tmp_path))
    assert "0.png does not lie one folder deep" in said
    one = classes(tmp_path / "one", "cat", count=6)
    assert "has no class but cat" in refusal("class_folders", one)
    assert look_at("own_images", one) == f"6 images in {one}"


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_headers_of_idx_files(name, tmp_path, monkeypatch):
    good = write_idx(tmp_path / name)
    assert look_at(name, good) == f"7 images in {good / FILES[0]}"
    monkeypatch.setenv("GANJAX_DATA", str(tmp_path))
    assert look_at(name) == f"7 images in {good / FILES[0]}"
    for at, shapes, words in (
        ("size", {"images": (7, 27, 28)}, "7 x 27 x 28 is not images of 28 x 28"),
        ("labels", {"labels": (6,)}, r"holds 7 images, but .* 6 labels"),
        ("rank", {"labels": (7, 1)}, "7 x 1 is not a list of labels"),
        ("few", {"images": (5, 28, 28), "labels": (5,)}, "5 images .* are too few"),
    ):
        assert re.search(words, refusal(name, write_idx(tmp_path / at, **shapes)))
    (good / FILES[1]).unlink()
    assert f"has no {FILES[1]}" in refusal(name, good)
    (good / FILES[1]).write_bytes(gzip.compress(b"\0\0\x08\x01")[:12])
    assert FILES[1] in refusal(name, good)


def test_what_would_be_downloaded_is_said():
    said = look_at("mnist")
    assert said.startswith("mnist is in the user's cache, or will be downloaded: ")
    assert [PARTS["data"][name].look for name in ("ring", "digits")] == ["", ""]


EXPERIMENT = """
from ganjax.config import defaults

def get_config(arg=""):
    return defaults(data="image_folder", network="dcgan", objective="hinge")
"""


def test_mode_check_looks_unless_told_not_to(ganjax, tmp_path):  # noqa: F811
    (tmp_path / "own.py").write_text(EXPERIMENT)
    flat(tmp_path / "few", 5)
    flat(tmp_path / "enough", 6)
    check = ("--config=own.py", CHECK[0], "--config.data.directory")
    done = ganjax(*check[:2], f"{check[2]}=enough")
    assert (done.returncode, done.stdout) == (0, "own.py: good; 6 images in enough\n")
    assert_refused(
        ganjax(*check[:2], f"{check[2]}=few"),
        "config.data: 5 images in few are too few; at least 6",
    )
    done = ganjax(*check[:2], f"{check[2]}=few", "--nolook_at_data")
    assert (done.returncode, done.stdout) == (0, "own.py: good\n")
    runs = [("own.py", [f"data.directory={name}"]) for name in ("enough", "few")]
    done = ganjax(*CHECK, stdin=points(*runs))
    assert_refused(done, "point 1 (own.py data.directory=few): config.data: 5 images")
    done = ganjax(*CHECK, "--nolook_at_data", stdin=points(*runs))
    assert [json.loads(x)["data.directory"] for x in done.stdout.splitlines()] == [
        "enough",
        "few",
    ]

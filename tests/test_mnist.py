"""MNIST and Fashion-MNIST, from tiny files in the published layout."""

import gzip
import re

import numpy as np
import pytest
from tables import SOURCES
from test_idx import idx_bytes

from ganjax.build import build_setup
from ganjax.config import ConfigError, defaults
from ganjax.config.validation import validate
from ganjax.data import DataError

NAMES = ("mnist", "fashion_mnist")
COUNTS = {"train": 7, "t10k": 4}
ALL = {"labelled": 0, "labelled_share": 0.5}


def images_of(count, size=28):
    """No two images, rows or columns of an image are alike."""
    image, row, column = np.ogrid[:count, :size, :size]
    return (100 * image + 3 * row + column).astype(np.uint8)


def write(folder, file, array):
    content = idx_bytes(array.astype(np.uint8))
    (folder / file).write_bytes(
        gzip.compress(content) if file.endswith(".gz") else content
    )


def write_files(folder):
    """All four files of either data set; labels count down from 9."""
    folder.mkdir()
    for part, count in COUNTS.items():
        write(folder, f"{part}-images-idx3-ubyte.gz", images_of(count))
        write(folder, f"{part}-labels-idx1-ubyte.gz", 9 - np.arange(count))
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GANJAX_DATA", str(tmp_path / "no"))
    # A cache that cannot be made, so that nothing is ever asked of the network.
    cache = tmp_path / "cache"
    cache.write_text("")
    monkeypatch.setattr("pooch.os_cache", lambda project: cache / project)
    return write_files(tmp_path / "own")


@pytest.mark.parametrize(("split", "count"), [("train", 7), ("test", 4)])
@pytest.mark.parametrize("name", NAMES)
def test_split(name, split, count, folder):
    source = SOURCES[name](directory=str(folder), split=split, **ALL)
    images, labels = source.arrays["examples"], source.arrays["labels"]
    np.testing.assert_array_equal(images, images_of(count)[..., None], strict=True)
    expected = (9 - np.arange(count)).astype(np.int32)
    np.testing.assert_array_equal(labels, expected, strict=True)


@pytest.mark.parametrize("name", NAMES)
def test_variable_names_the_parent_folder(name, folder, monkeypatch, tmp_path):
    folder.rename(tmp_path / name)
    monkeypatch.setenv("GANJAX_DATA", str(tmp_path))
    assert len(SOURCES[name](directory="", split="test", **ALL).arrays["labels"]) == 4


def test_unpacked_files_of_one_split_are_enough(folder):
    for path in folder.iterdir():
        path.unlink()
    write(folder, "t10k-images-idx3-ubyte", images_of(4))
    write(folder, "t10k-labels-idx1-ubyte", np.arange(4))
    source = SOURCES["mnist"](directory=str(folder), split="test", **ALL)
    np.testing.assert_array_equal(source.arrays["labels"], np.arange(4))
    with pytest.raises(DataError, match="has no train-images-idx3-ubyte"):
        SOURCES["mnist"](directory=str(folder), split="train", **ALL)


BAD = {
    # The file of the training split, the array put there, and what is said of it.
    "count": ("labels-idx1", np.arange(6), "7 images, but {labels} 6 labels"),
    "label": ("labels-idx1", np.arange(4, 11), "{labels}: 10 is no label from 0 to 9"),
    "size": ("images-idx3", images_of(7, 27), "{images}: 7 x 27 x 27 is not images"),
    "list": ("images-idx3", np.arange(7), "{images}: 7 is not images of 28 x 28"),
    "none": ("images-idx3", images_of(0), "{images}: 0 x 28 x 28 is not images"),
    "swapped": ("labels-idx1", images_of(7), "{labels}: 7 x 28 x 28 is not a list"),
}


@pytest.mark.parametrize(("kind", "array", "words"), BAD.values(), ids=BAD)
def test_files_that_do_not_fit(kind, array, words, folder):
    write(folder, f"train-{kind}-ubyte.gz", array)
    paths = {
        "images": folder / "train-images-idx3-ubyte.gz",
        "labels": folder / "train-labels-idx1-ubyte.gz",
    }
    with pytest.raises(DataError, match=re.escape(words.format(**paths))) as caught:
        SOURCES["mnist"](directory=str(folder), split="train", **ALL)
    assert "\n" not in str(caught.value)


def test_mismatch_names_both_files(folder):
    write(folder, "t10k-labels-idx1-ubyte.gz", np.arange(6))
    with pytest.raises(DataError, match=r"t10k-images.* 4 images, but .*t10k-labels"):
        SOURCES["fashion_mnist"](directory=str(folder), split="test", **ALL)


def config_of(name, directory):
    config = defaults(data=name, network="mlp", objective="hinge")
    config.data.directory = str(directory)
    return validate(config)


@pytest.mark.parametrize("name", NAMES)
def test_experiment(name, folder):
    setup = build_setup(config_of(name, folder))
    assert setup.source.arrays["examples"].shape == (7, 28, 28, 1)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("mnist", "https://ossci-datasets.s3.amazonaws.com/mnist/"),
        ("fashion_mnist", "http://fashion-mnist.s3-website.eu-central-1.amazonaws"),
    ],
)
def test_no_data_is_a_config_error(name, url, folder, tmp_path):
    with pytest.raises(ConfigError, match=f"^config.data: {name}: cannot .*{url}"):
        build_setup(config_of(name, ""))
    with pytest.raises(ConfigError, match=f"^config.data: {name}: --config.data"):
        build_setup(config_of(name, tmp_path))

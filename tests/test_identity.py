"""The data of a run is what it was: what `data.json` records, and what is refused."""

import re

import pytest
from tables import SOURCES
from test_folder import BLUE, RED, flat, source_of, write, write_classes
from test_mnist import write_files

from ganjax.build import build_setup
from ganjax.config import ConfigError, defaults
from ganjax.config.program import Program
from ganjax.config.validation import validate
from ganjax.look.restore import restore
from ganjax.record.files import read_json, write_json
from ganjax.training import loop
from ganjax.training.identity import check_data, describe_data


@pytest.fixture(autouse=True)
def _no_data(monkeypatch):
    monkeypatch.delenv("GANJAX_DATA", raising=False)


def classes_of(folder):
    return source_of(folder, "class_folders")


def began(folder, source):
    write_json(folder / "run/data.json", describe_data(source))
    return folder / "run"


def refusal(run, source):
    with pytest.raises(ConfigError) as caught:
        check_data(run, describe_data(source))
    said = str(caught.value)
    assert said.startswith(f"config.data: not the data that the run in {run} began ")
    assert f"--init_from={run}" in said
    assert f"remove {run / 'data.json'}" in said
    return said.split("began with: ")[1].split("; have that data back")[0]


def test_what_is_recorded(tmp_path):
    described = describe_data(classes_of(write_classes(tmp_path)))
    assert re.fullmatch("[0-9a-f]{64}", described.pop("fingerprint"))
    classes = {"classes": ["cat", "dog"], "class_count": 2}
    assert described == {"examples": 7, "shape": [4, 4, 3], **classes}
    assert describe_data(source_of(tmp_path))["classes"] == []
    assert describe_data(SOURCES["ring"](modes=8, radius=1.0, sd=0.01)) == {}


def test_published_classes_have_names(tmp_path):
    def source(name, **keywords):
        return SOURCES[name](labelled=0, labelled_share=1.0, **keywords)

    assert source("digits", split="test").class_names == tuple("0123456789")
    folder = write_files(tmp_path / "own")
    published = {"directory": str(folder), "split": "train"}
    assert source("mnist", **published).class_names == tuple("0123456789")
    garments = source("fashion_mnist", **published).class_names
    assert (garments[0], garments[9], len(garments)) == (
        "T-shirt/top",
        "Ankle boot",
        10,
    )


def test_the_same_data_may_have_moved(tmp_path):
    run = began(tmp_path, classes_of(write_classes(tmp_path / "one")))
    moved = classes_of(write_classes(tmp_path / "two"))
    check_data(run, describe_data(moved))
    assert describe_data(moved) == read_json(run / "data.json")


def test_a_run_of_before_is_accepted(tmp_path):
    source = classes_of(write_classes(tmp_path / "data"))
    check_data(tmp_path, describe_data(source))


def test_added_images_are_counted(tmp_path):
    run = began(tmp_path, classes_of(write_classes(tmp_path / "data")))
    write(tmp_path / "data/dog/9.png", flat(BLUE))
    assert refusal(run, classes_of(tmp_path / "data")) == "7 examples are now 8"


def test_renamed_classes_are_named(tmp_path):
    data = write_classes(tmp_path / "data")
    run = began(tmp_path, classes_of(data))
    (data / "dog").rename(data / "ape")  # now before cat: labels permute
    assert refusal(run, classes_of(data)) == (
        "class 0 was cat, is ape, class 1 was dog, is cat"
    )
    write(data / "cow/0.png", flat(RED))
    assert refusal(run, classes_of(data)) == (
        "7 examples are now 8; 2 classes are now 3, without dog, with ape, with cow"
    )


def test_other_pixels_labels_and_shapes(tmp_path):
    data = write_classes(tmp_path / "data")
    run = began(tmp_path, classes_of(data))
    write(data / "cat/0.png", flat((249, 0, 0)))
    assert refusal(run, classes_of(data)) == "their pixels or labels differ"
    write(data / "cat/0.png", flat((250, 0, 0)))
    same = classes_of(data)
    check_data(run, describe_data(same))
    labels = same.arrays["labels"][::-1]
    permuted = same._replace(arrays={**same.arrays, "labels": labels})
    assert refusal(run, permuted) == "their pixels or labels differ"
    wide = source_of(data, "class_folders", size=(4, 5))
    assert refusal(run, wide) == "examples of 4 x 4 x 3 are now of 4 x 5 x 3"


def test_damaged_record_is_named(tmp_path):
    write_json(tmp_path / "data.json", {"examples": "seven"})
    with pytest.raises(ConfigError, match=r"data\.json.* examples"):
        check_data(
            tmp_path, describe_data(classes_of(write_classes(tmp_path / "data")))
        )


def test_changed_data_end_a_run_before_it_compiles_or_writes(tmp_path):
    config = defaults(data="digits", network="dense", objective="non_saturating")
    config = validate(config)
    run, other = tmp_path / "run", {**config, "record": {"every": 1}}
    source = build_setup(config).source
    write_json(run / "config.json", other)
    write_json(run / "data.json", {**describe_data(source), "examples": 1796})
    (run / "checkpoints").mkdir()
    for act in (
        lambda: loop.run(Program(config), run, "train"),
        lambda: loop.run(Program(config), run, "sample"),
        lambda: loop.run(Program(config), run, "evaluate"),
        lambda: restore(config, run),
    ):
        with pytest.raises(ConfigError, match="1796 examples are now 1797; have that"):
            act()
    assert {path.name for path in run.iterdir()} == {
        *("config.json", "data.json", "checkpoints", "run.lock")
    }
    assert read_json(run / "config.json")["record"] == {"every": 1}
    assert read_json(run / "data.json")["examples"] == 1796

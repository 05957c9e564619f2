"""The experiment of the basic methods: its points, and what its study makes of runs."""

from pathlib import Path

import pytest
from fake_runs import write_run

from ganjax.config import experiment, flatten, load
from ganjax.config.experiment import run_file
from ganjax.config.validation import validate
from ganjax.study import Figure, check, read_run

PATH = str(Path(__file__).parents[1] / "experiments" / "basics.py")
FILE = run_file(PATH)


def config_of(arg, **overrides):
    return validate(load(f"{PATH}:{arg}", [f"{k}={v}" for k, v in overrides.items()]))


def test_every_method_has_the_same_networks_and_budget():
    points = experiment.sweep(PATH)
    assert len(points) == 3 * 5
    for config in (config_of(p.arg, **p.overrides) for p in points):
        assert (config["steps"], config["batch_size"]) == (3_000, 64)
        assert config["data"]["split"] == "train"
        for network in config["networks"].values():
            assert network["widths"] == (200, 200)
            assert network["normalization"] == "none"


def test_study_of_digits_shows_what_each_method_has(tmp_path):
    found = (
        ("gan", 0, {"coverage": 0.8, "precision": 0.75, "recall": 0.5}),
        ("gan", 1, {"coverage": 0.8, "precision": 0.25, "recall": 0.5}),
        ("auto_encoder", 0, {"reconstruction_error": 1.5, "sharpness": 0.9}),
    )
    runs = []
    for method, seed, metrics in found:
        folder = tmp_path / f"{method}{seed}"
        config = flatten(config_of(method, seed=seed))
        write_run(folder, config, evaluation=metrics, records=10)
        runs.append(read_run(folder))
    pictures, *tables = (check(item) for item in FILE["study"](runs))
    assert isinstance(pictures, Figure)
    assert [ax.get_title() for ax in pictures.image.axes] == ["gan", "auto encoder"]
    # Deviations of 0.25, squared and added 0.125, divided by 2 - 1.
    of_gan = ("gan", 2, 0.8, 0.0, 0.5, pytest.approx(0.125**0.5), 0.5, 0.0)
    assert tables[0].rows == [of_gan]
    alone = pytest.approx(float("nan"), nan_ok=True)
    assert tables[1].rows == [("auto encoder", 1, 1.5, alone, 0.9, alone)]

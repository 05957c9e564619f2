"""The experiment of the basic methods: its points, and what its study makes of runs."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from fake_runs import write_run

from ganjax.config import ConfigError, experiment, flatten, load
from ganjax.config.validation import validate
from ganjax.record import files
from ganjax.study import Figure, check, read_run

PATH = str(Path(__file__).parents[1] / "experiments" / "basics.py")
FILE = runpy.run_path(PATH)


def config_of(arg, **overrides):
    return validate(load(f"{PATH}:{arg}", [f"{k}={v}" for k, v in overrides.items()]))


def test_every_method_has_the_same_networks_and_budget():
    points = [config_of(p.arg, **p.overrides) for p in experiment.sweep(PATH)]
    digits = [config for config in points if config["data"]["name"] == "digits"]
    assert len(digits) == 3 * 5
    for config in digits:
        assert (config["steps"], config["batch_size"]) == (3_000, 64)
        assert config["data"]["split"] == "train"
        for network in config["networks"].values():
            assert network["widths"] == (200, 200)
            assert network["normalization"] == "none"
    generators = [c["networks"]["generator"] for c in points if c not in digits]
    assert [len(generator["widths"]) for generator in generators] == [1] * 3 * 4


def test_method_without_points_is_refused():
    with pytest.raises(ConfigError, match="auto_encoder makes no points; vae, gan do"):
        load(f"{PATH}:auto_encoder,diagonals")


def test_violations_are_distances_from_the_nearer_diagonal():
    # ||x| - |y|| / sqrt(2): 0, 0, 0.1 / 1.414 = 0.0707, 0.8 / 1.414 = 0.566. More than
    # 3 sd = 0.06 are two of four, more than 0.09 one, more than 0.6 none.
    points = np.array([[0.7, -0.7], [-0.3, -0.3], [0.5, -0.6], [0.1, 0.9]])
    shares = [FILE["violations"](points, sd) for sd in (0.02, 0.03, 0.2)]
    assert shares == [0.5, 0.25, 0.0]


def test_coordinates_of_the_points_have_opposite_signs_as_often_as_equal_ones():
    means = np.array(FILE["MEANS"])
    assert len(np.unique(means, axis=0)) == len(means)
    assert np.sign(means).prod(axis=1).sum() == 0
    assert FILE["violations"](means, 1e-9) == 0


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


def test_study_of_points_compares_them_with_the_data(tmp_path):
    # 3 of 4 lie on a diagonal, the last 0.5 / sqrt(2) away; and 2 of 4.
    points = np.array([[1, -1], [0.5, 0.5], [-1, -1], [0.5, 0]])
    runs = []
    for seed, made in enumerate((points, points[[0, 1, 3, 3]])):
        folder = tmp_path / str(seed)
        write_run(folder, evaluation={"modes_covered": 3 + seed}, records=10)
        config = config_of("vae,diagonals", seed=seed)
        files.write_json(folder / "config.json", config)
        np.savez(folder / "samples" / "final.npz", samples=made, step=3_000)
        runs.append(read_run(folder))
    figure, table = (check(item) for item in FILE["study"](runs))
    assert isinstance(figure, Figure)
    rows = {row[0]: row[1:] for row in table.rows}
    # 25 and 50 %: deviations of 12.5, squared and added 312.5, divided by 2 - 1.
    assert rows["vae, 8 units"] == (2, 37.5, pytest.approx(312.5**0.5), 3.5)
    # P(|N(0, 1)| > 3) = 0.27 %.
    assert rows["the data"][1] == pytest.approx(0.27, abs=0.25)
    # Sizes drawn apart are k steps of 0.2 apart, and the nearer diagonal is 0.1414 k
    # away, give or take 0.05; more than 0.15 is 0.27 % of the 5 / 25 pairs with k = 0,
    # P(N(0, 1) > 0.17) = 43 % of the 8 / 25 with k = 1, all of the 12 / 25 beyond.
    assert rows["coordinates drawn apart"][1] == pytest.approx(61.9, abs=3)

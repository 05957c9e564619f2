"""The experiment of two diagonals: its points, and what its study makes of runs."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from fake_runs import write_run

from ganjax.config import experiment, load
from ganjax.config.validation import validate
from ganjax.record import files
from ganjax.study import Figure, check, read_run

PATH = str(Path(__file__).parents[1] / "experiments" / "diagonals.py")
FILE = runpy.run_path(PATH)


def config_of(arg, **overrides):
    return validate(load(f"{PATH}:{arg}", [f"{k}={v}" for k, v in overrides.items()]))


def test_generators_have_one_hidden_layer():
    points = [config_of(p.arg, **p.overrides) for p in experiment.sweep(PATH)]
    widths = [config["networks"]["generator"]["widths"] for config in points]
    assert widths == [(8,), (64,)] * 2 * 3


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


def test_study_of_points_compares_them_with_the_data(tmp_path):
    # 3 of 4 lie on a diagonal, the last 0.5 / sqrt(2) away; and 2 of 4.
    points = np.array([[1, -1], [0.5, 0.5], [-1, -1], [0.5, 0]])
    runs = []
    for seed, made in enumerate((points, points[[0, 1, 3, 3]])):
        folder = tmp_path / str(seed)
        write_run(folder, evaluation={"modes_covered": 3 + seed}, records=10)
        config = config_of("vae", seed=seed)
        files.write_json(folder / "config.json", config)
        np.savez(folder / "samples" / "final.npz", samples=made, step=3_000)
        runs.append(read_run(folder))
    figure, table = (check(item) for item in FILE["study"](runs))
    assert isinstance(figure, Figure)
    rows = {row[0]: row[1:] for row in table.rows}
    # 25 and 50 %: deviations of 12.5, squared and added 312.5, divided by 2 - 1.
    assert rows["vae, 8 units"] == (
        *(2, 37.5, pytest.approx(312.5**0.5)),
        *(3.5, pytest.approx(0.5**0.5)),
    )
    # P(|N(0, 1)| > 3) = 0.27 %.
    assert rows["the data"][1] == pytest.approx(0.27, abs=0.25)
    # Sizes drawn apart are k steps of 0.2 apart, and the nearer diagonal is 0.1414 k
    # away, give or take 0.05; more than 0.15 is 0.27 % of the 5 / 25 pairs with k = 0,
    # P(N(0, 1) > 0.17) = 43 % of the 8 / 25 with k = 1, all of the 12 / 25 beyond.
    assert rows["coordinates drawn apart"][1] == pytest.approx(61.9, abs=3)

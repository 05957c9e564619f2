"""Points of a sweep: which, in what order, and how evenly."""

import math

import numpy as np
import pytest

from ganjax.config import (
    ConfigError,
    between,
    product,
    random_points,
    sobol_points,
    zipped,
)

DRAWN = [random_points, sobol_points]
RATE, UNITS, LOSS = "optimizers.generator.learning_rate", "units", "objective.name"


def test_a_product_changes_its_last_key_first():
    assert list(product({"a": [1, 2], "b": ("x", "y")})) == [
        {"a": 1, "b": "x"},
        {"a": 1, "b": "y"},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "y"},
    ]


def test_what_is_zipped_goes_together():
    assert list(zipped({"a": range(2), "b": [5, 6]})) == [
        {"a": 0, "b": 5},
        {"a": 1, "b": 6},
    ]


@pytest.mark.parametrize("draw", DRAWN)
def test_points_follow_from_the_seed_and_more_are_added_behind(draw):
    values = {RATE: between(1e-5, 1e-2, log=True), LOSS: ["hinge", "minimax"]}
    points = list(draw(12, values, seed=3))
    assert list(draw(5, values, seed=3)) == points[:5]
    assert list(draw(12, values, seed=4)) != points
    assert {point[LOSS] for point in points} == {"hinge", "minimax"}


def test_these_are_the_points_of_seed_0():
    """So that a sweep that was launched can be launched again."""
    # 0.8444218515250481 and 0.7579544029403025 of Python's generator: 10^-0.47 and 7.
    (point,) = random_points(1, {"a": between(0.001, 1.0, log=True), "b": range(10)})
    assert point == {"a": float(f"{10 ** (3 * 0.8444218515250481 - 3):.4g}"), "b": 7}


@pytest.mark.parametrize("draw", DRAWN)
def test_draws_are_even_over_the_range(draw):
    values = {
        "even": between(2.0, 4.0),
        RATE: between(1e-4, 1.0, log=True),
        UNITS: between(1, 3),
        "wide": between(1, 1023, log=True),
    }
    columns = {key: [] for key in values}
    for point in draw(2048, values):
        for key, value in point.items():
            columns[key].append(value)
    # A mean of 2048 even draws has a standard deviation of 0.0064 of the range.
    assert np.mean(columns["even"]) == pytest.approx(3.0, abs=0.05)
    assert np.mean(np.log10(columns[RATE])) == pytest.approx(-2.0, abs=0.1)
    counts = [columns[UNITS].count(n) for n in (1, 2, 3)]
    assert sum(counts) == 2048
    assert all(abs(count - 2048 / 3) < 100 for count in counts)
    # Of log2 from 0 to 10, half lies below 5.
    below = np.mean(np.array(columns["wide"]) < 32)
    assert below == pytest.approx(0.5, abs=0.05)
    for key in (UNITS, "wide"):
        assert all(type(value) is int for value in columns[key])
        assert min(columns[key]) == values[key].low


@pytest.mark.parametrize("log", [False, True])
def test_bounds_are_kept_by_what_is_rounded(log):
    chosen = between(0.123456, 0.123457, log=log)
    assert all(0.123456 <= chosen.at(share) <= 0.123457 for share in (0.0, 0.5, 0.999))


def test_sobol_points_leave_smaller_gaps():
    values = {"x": between(0.0, 1.0)}
    gaps = {
        draw: np.diff(sorted(point["x"] for point in draw(64, values))).max()
        for draw in DRAWN
    }
    # One in each 64th, so that no two neighbours are further apart than two of them.
    assert gaps[sobol_points] <= 2 / 64 + 1e-3 < gaps[random_points]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: between(1.0, 1.0), "lower one first"),
        (lambda: between(0, math.inf), "finite"),
        (lambda: between(0.0, 1.0, log=True), "above 0"),
        (lambda: between("1", 2), "numbers"),
        (lambda: list(zipped({"a": [1], "b": [1, 2]})), "a has 1, b has 2"),
        (lambda: list(product({"a": []})), "a: must have a value"),
        (lambda: list(product({"a": "xy"})), "a: must be a list"),
        (lambda: list(random_points(0, {"a": [1]})), "at least 1"),
        (lambda: list(sobol_points(2, {})), "no key"),
        (lambda: list(random_points(2, {"a": 3})), "a: must be a list of values"),
        (
            lambda: list(product({"a": between(1, 3)})),
            "a: a range is for random_points",
        ),
        (lambda: list(zipped({"a": between(1, 3)})), "a: a range is for random_points"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(make, says):
    with pytest.raises(ConfigError, match=says):
        make()

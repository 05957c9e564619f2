"""How sure a mean or a ranking is."""

import itertools
import math

import numpy as np
import pytest

from ganjax.study import mean_interval, rank_groups


def test_interval_is_exact_for_few_values():
    values = np.array([0.0, 1.0, 4.0, 7.0])
    means = [sum(drawn) / 4 for drawn in itertools.product(values, repeat=4)]
    expected = np.quantile(means, [0.025, 0.975])  # 256 of them
    np.testing.assert_allclose(mean_interval(values), expected)
    assert mean_interval(values[:2]) is None


def test_interval_of_many_values_agrees_with_the_normal_interval():
    values = np.random.default_rng(3).normal(2.0, 1.0, 400)
    low, high = mean_interval(values)
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.01)
    assert high == pytest.approx(values.mean() + half, abs=0.01)
    assert mean_interval(values) == (low, high)


def test_ranks_of_groups_that_lie_apart_are_sure():
    costs = {"b": [5.0, 6.0], "a": [1.0, 2.0, 3.0], "c": [8.0]}
    found = rank_groups(costs)
    assert list(found) == ["b", "a", "c"]
    assert [rank.rank for rank in found.values()] == [2, 1, 3]
    assert [rank.first for rank in found.values()] == [0, 1, 0]
    assert found["b"].interval == (2, 2)


def test_groups_that_are_alike_share_rank_and_first_place():
    found = rank_groups({"a": [1.0, 1.0], "b": [1.0, 1.0], "c": [1.0], "d": [2.0]})
    assert [rank.rank for rank in found.values()] == [2, 2, 2, 4]
    thirds = [rank.first for rank in found.values()]
    np.testing.assert_allclose(thirds, [1 / 3, 1 / 3, 1 / 3, 0])
    assert found["a"].interval == (2, 2)


def test_probability_of_the_first_place_is_that_of_all_resamples():
    # The means of "a" are 0, 1, 1, 2 and "b" is always 0.5: "a" is first in a quarter.
    found = rank_groups({"a": [0.0, 2.0], "b": [0.5]})
    assert found["a"].rank == 2
    # The standard deviation of the share is (3/16 / 10,000)^1/2 = 0.0043.
    assert found["a"].first == pytest.approx(0.25, abs=0.015)
    assert found["a"].first + found["b"].first == pytest.approx(1)
    assert found["a"].interval == (1, 2)


def test_resamples_are_those_of_the_seed():
    rng = np.random.default_rng(0)
    costs = {name: rng.normal(size=8).tolist() for name in "abcd"}
    assert rank_groups(costs) == rank_groups(costs)
    assert rank_groups(costs) != rank_groups(costs, seed=1)


@pytest.mark.parametrize("values", [[], [1.0, math.inf], [math.nan]])
def test_ranks_are_of_finite_values(values):
    with pytest.raises(ValueError, match="b: finite costs, one at least, not "):
        rank_groups({"a": [1.0], "b": values})

"""Measures of samples and scores, against what sampling theory says of them."""

import math

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from ganjax.measures import (
    mixture_log_density,
    mixture_quality,
    nearest_rows,
    neighbour_quality,
    neighbours,
)
from ganjax.monitors import score_statistics
from ganjax.types import Outcome


def make_mixture(dimensions, modes, sd=0.1):
    """Equally likely modes along a line, so far apart that they do not mix."""
    means = np.zeros((modes, dimensions))
    means[:, 0] = 10.0 * np.arange(modes)
    return {"means": means, "sds": np.full(modes, sd), "weights": np.ones(modes)}


def draw(mixture, count, spread=1.0, seed=0):
    rng = np.random.default_rng(seed)
    weights = mixture["weights"] / mixture["weights"].sum()
    mode = rng.choice(len(weights), size=count, p=weights)
    noise = rng.normal(size=(count, mixture["means"].shape[1]))
    return mixture["means"][mode] + spread * mixture["sds"][mode, None] * noise


# P(|x| < 3) of a standard normal x, and E[x_1^2 | |x| < 3]: in one dimension
# erf(3 / sqrt 2), and 1 - 2 * 3 phi(3) / P with phi(3) = 0.004431848; in two
# 1 - exp(-4.5), and (1 - 5.5 exp(-4.5)) / P.
WITHIN = {1: 0.9973002, 2: 0.9888910}
CUT_VARIANCE = {1: 0.9733369, 2: 0.9494479}
each_dimension = pytest.mark.parametrize("dimensions", [1, 2])


@each_dimension
def test_true_samples(dimensions):
    count, within = 50_000, WITHIN[dimensions]
    mixture = make_mixture(dimensions, modes=4)
    quality = mixture_quality(draw(mixture, count), mixture)
    assert quality["modes_covered"] == 4
    # Four standard errors: of a proportion, and of a variance of dimensions * count
    # numbers, whose kurtosis the cut lowers below the normal's 3.
    error = 4 * math.sqrt(within * (1 - within) / count)
    assert_allclose(quality["high_quality"], within, atol=error)
    error = 4 * math.sqrt(2 / (dimensions * within * count))
    assert_allclose(quality["variance_ratio"], 1.0, atol=error)


def test_reverse_kl_of_true_samples():
    modes, count, repeats = 5, 1000, 200
    mixture = make_mixture(1, modes) | {"weights": np.array([4.0, 3.0, 2.0, 1.0, 1.0])}
    measured = [
        mixture_quality(draw(mixture, count, seed=seed), mixture)["reverse_kl"]
        for seed in range(repeats)
    ]
    # 2 N KL is chi-squared with K - 1 degrees of freedom: variance 2 (K - 1).
    error = 4 * math.sqrt(2 * (modes - 1) / repeats)
    assert_allclose(2 * count * np.mean(measured), modes - 1, atol=error)


@each_dimension
def test_half_the_spread_is_a_quarter_of_the_variance(dimensions):
    count = 50_000
    mixture = make_mixture(dimensions, modes=4)
    quality = mixture_quality(draw(mixture, count, spread=0.5), mixture)
    # The cut at 3 sd is at 6 of theirs, which cuts nothing: 1/4 of the whole variance,
    # over the cut one of true samples.
    expected = 0.25 / CUT_VARIANCE[dimensions]
    error = 4 * expected * math.sqrt(2 / (dimensions * count))
    assert_allclose(quality["variance_ratio"], expected, atol=error)
    assert quality["high_quality"] == 1.0


@each_dimension
def test_samples_collapsed_to_one_centre(dimensions):
    mixture = make_mixture(dimensions, modes=4)
    quality = mixture_quality(mixture["means"][[2] * 10], mixture)
    assert quality == {
        "modes_covered": 1,
        "high_quality": 1.0,
        "reverse_kl": pytest.approx(math.log(4)),
        "variance_ratio": 0.0,
        # One of 4 * 5 cells has them all: (0.95 + 19 * 0.05) / 2.
        "cell_distance": pytest.approx(0.95),
    }


@each_dimension
def test_far_samples(dimensions):
    mixture = make_mixture(dimensions, modes=2)
    far = np.concatenate([mixture["means"] - 1.0, mixture["means"] + 1.0])
    quality = mixture_quality(far, mixture)
    assert quality == {
        "modes_covered": 0,
        "high_quality": 0.0,
        "reverse_kl": pytest.approx(0.0),
        "variance_ratio": pytest.approx(math.nan, nan_ok=True),
        "cell_distance": pytest.approx(0.8),  # half of them in each outermost shell
    }


@each_dimension
def test_cell_distance_sees_shells_of_equal_probability(dimensions):
    mixture = make_mixture(dimensions, modes=2) | {"sds": np.array([0.1, 0.2])}
    # A sample in each of the 10 cells, at the shells' medians.
    medians = stats.chi.ppf([0.1, 0.3, 0.5, 0.7, 0.9], dimensions)
    samples = np.repeat(mixture["means"], 5, axis=0)
    samples[:, 0] += np.concatenate([0.1 * medians, 0.2 * medians])
    quality = mixture_quality(samples, mixture)
    assert_allclose(quality["cell_distance"], 0, atol=1e-12)
    # With weights of 3 to 1 a half is to be 3/4: 5 (0.15 - 0.1) + 5 (0.1 - 0.05), by 2.
    weighted = mixture | {"weights": np.array([3.0, 1.0])}
    quality = mixture_quality(samples, weighted)
    assert_allclose(quality["cell_distance"], 0.25, atol=1e-12)


@each_dimension
def test_cell_distance_of_true_and_of_narrow_samples(dimensions):
    count = 10_000
    mixture = make_mixture(dimensions, modes=4)
    measured = [
        mixture_quality(draw(mixture, count, seed=seed), mixture)["cell_distance"]
        for seed in range(20)
    ]
    # E |found - p| is (2 p (1 - p) / pi N)^1/2 for each of the 20 cells.
    expected = 20 / 2 * math.sqrt(2 * 0.05 * 0.95 / math.pi / count)
    assert_allclose(np.mean(measured), expected, rtol=0.15)
    narrow = mixture_quality(draw(mixture, count, spread=0.5), mixture)
    # The outermost of their shells, which should have a fifth, has hardly any.
    assert narrow["cell_distance"] > 0.2


def test_variance_needs_two_samples_of_a_mode():
    mixture = make_mixture(1, modes=2)
    quality = mixture_quality(mixture["means"], mixture)
    assert math.isnan(quality["variance_ratio"])
    assert quality["modes_covered"] == 2


def test_weights_are_proportions():
    mixture = make_mixture(2, modes=3) | {"weights": np.array([7.0, 2.0, 1.0])}
    as_weighted = mixture["means"][[0] * 7 + [1] * 2 + [2]]
    assert_allclose(mixture_quality(as_weighted, mixture)["reverse_kl"], 0, atol=1e-9)
    quality = mixture_quality(mixture["means"][[0, 0, 1, 1]], mixture)
    # Half of the samples at each of the first two:
    # 1/2 log(0.5 / 0.7) + 1/2 log(0.5 / 0.2) = (-0.3364722 + 0.9162907) / 2
    assert_allclose(quality["reverse_kl"], 0.2899093, atol=1e-7)
    assert quality["modes_covered"] == 2


def test_each_mode_has_its_own_sd():
    mixture = make_mixture(1, modes=2) | {"sds": np.array([0.1, 1.0])}
    # Of sd 0.1 at 0: 2 and 4 sd off; of sd 1 at 10: 0, 2 and 3.1 sd off.
    samples = np.array([[-0.2], [0.2], [0.4], [10.0], [12.0], [6.9]])
    quality = mixture_quality(samples, mixture)
    assert quality["high_quality"] == 4 / 6
    # In sds, around their own means: (-2, 2) and (-1, 1), of squares 8 + 2 and of one
    # degree of freedom each.
    assert_allclose(quality["variance_ratio"], 10 / 2 / CUT_VARIANCE[1], rtol=1e-6)


OUTCOME = Outcome(
    real_score=np.array([1.0, 0.0, -1.0, 2.0], np.float32),
    fake_score=np.array([0.0, 0.0, 1.0, -3.0], np.float32),
)
MEANS = {"real_score": 0.5, "fake_score": -0.5}


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        # Above 0 are 1 and 2, and not above it 0, 0 and -3: a tie is not "real".
        (0.0, {"real_accuracy": 2 / 4, "fake_accuracy": 3 / 4}),
        # Above -1 are all but -1 itself, and not above it -3.
        (-1.0, {"real_accuracy": 3 / 4, "fake_accuracy": 1 / 4}),
        # 1 > 0, not 0 > 0, not -1 > 1, 2 > -3
        (None, {"pair_accuracy": 2 / 4}),
    ],
)
def test_score_statistics(threshold, expected):
    assert score_statistics(OUTCOME, threshold) == MEANS | expected
    assert jax.jit(score_statistics)(OUTCOME, threshold) == MEANS | expected


def test_nearest_rows_by_hand():
    # Of (0, 0), (3, 0) and (0, 9): (1, 1) is 1.4 from the first, (2, 1) 1.4 from the
    # second, (-1, 6) 3.2 from the third.
    examples = np.array([[[0], [0]], [[3], [0]], [[0], [9]]], np.uint8)
    samples = np.array([[1.0, 1], [2, 1], [-1, 6]]).reshape(3, 2, 1)
    np.testing.assert_array_equal(nearest_rows(examples, samples), [0, 1, 2])


def test_nearest_rows_of_more_examples_than_are_held_at_once(monkeypatch):
    monkeypatch.setattr(neighbours, "_CHUNK", 1_000)
    rng = np.random.default_rng(0)
    examples = rng.permutation(23_000).astype(np.int32)[:, None]
    found = nearest_rows(examples, np.array([[5.2], [22_999.0], [11_111.4]]))
    np.testing.assert_array_equal(examples[found, 0], [5, 22_999, 11_111])


def test_neighbours_by_hand():
    real = np.array([0.0, 1.0, 3.0, 7.0])  # nearest others at 1, 1, 2, 4
    fake = np.array([0.5, 2.5, 20.0])  # at 2, 2, 17.5
    # 0.5 lies within 1 of 0 and of 1; 2.5 within 2 of 3; 20 in no ball.
    # 0, 1, 3 lie within 2 of 0.5 or 2.5, and 7 within 17.5 of 20.
    assert neighbour_quality(real, fake, neighbours=1) == {
        "coverage": 3 / 4,
        "precision": 2 / 3,
        "recall": 1.0,
        "density": (2 + 1 + 0) / 3,
    }


def test_neighbours_of_true_samples():
    rng = np.random.default_rng(0)
    count, neighbours = 2_000, 5
    quality = neighbour_quality(
        *rng.normal(size=(2, count, 3, 2)), neighbours=neighbours
    )
    # Four standard errors, were the balls independent; they overlap, so twice that.
    coverage = 1 - 2.0**-neighbours
    error = 8 * math.sqrt(coverage * (1 - coverage) / count)
    assert_allclose(quality["coverage"], coverage, atol=error)
    assert_allclose(quality["density"], 1.0, atol=0.1)


def test_neighbours_tell_quality_from_variety():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(500, 2))
    narrow = neighbour_quality(real, 0.2 * rng.normal(size=(500, 2)))
    wide = neighbour_quality(real, 5.0 * rng.normal(size=(500, 2)))
    assert narrow["precision"] > 0.99
    assert narrow["recall"] < 0.3
    assert wide["precision"] < 0.5
    assert wide["density"] < 0.5 * narrow["density"]
    assert wide["recall"] > 0.9


def test_density_of_a_mixture_is_that_of_its_parts():
    points = np.random.default_rng(0).normal(size=(7, 2))
    density = {"means": ((0.0, 1.0), (-1.0, 0.0)), "sds": (0.3, 2.0), "weights": (1, 3)}
    one, other = (
        stats.multivariate_normal(mean, sd**2 * np.eye(2)).pdf(points)
        for mean, sd in zip(density["means"], density["sds"], strict=True)
    )
    found = mixture_log_density(points, density)
    assert_allclose(np.exp(found), 0.25 * one + 0.75 * other)
    # So far away that the density is 0: only the wide part is left.
    far = mixture_log_density(np.array([[1e4, 0.0]]), density)
    expected = np.log(0.75) - 0.5 * (1e4 + 1) ** 2 / 4 - np.log(4 * 2 * np.pi)
    assert_allclose(far, [expected])

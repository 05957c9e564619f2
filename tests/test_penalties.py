"""Gradient penalties of discriminators whose gradients are known."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tables import PARTS, PENALTIES

from ganjax.testing import FAKE_EXAMPLES, REAL_EXAMPLES, SLOPE, penalty_checks
from ganjax.types import Outcome

close = partial(assert_allclose, rtol=1e-6, atol=1e-6)

INTERPOLATED = ("wgan_gp", "wgan_lp")
RANDOM = (*INTERPOLATED, "dragan")
DETERMINISTIC = ("r1", "r2", "real_gradient_norm", "score_drift")

# Of the score with the slope (3, 4), of norm 5, on `REAL_EXAMPLES`.
LINEAR = {
    # 2 (5 - 1.5)^2, between examples as around them
    "wgan_gp": 24.5,
    "wgan_lp": 24.5,
    "dragan": 24.5,
    # 2/2 * 5^2
    "r1": 25.0,
    "r2": 25.0,
    # 2 * 5, not squared
    "real_gradient_norm": 10.0,
    # The scores are 3 * 3 + 4 * 4 = 25 and 4: 2 (625 + 16) / 2
    "score_drift": 641.0,
}
NUMBERS = {
    "wgan_gp": {"weight": 2.0, "target": 1.5},
    "wgan_lp": {"weight": 2.0, "target": 1.5},
    "r1": {"weight": 2.0},
    "r2": {"weight": 2.0},
    "dragan": {"weight": 2.0, "target": 1.5},
    "real_gradient_norm": {"weight": 2.0},
    "score_drift": {"weight": 2.0},
}
each_penalty = pytest.mark.parametrize("name", NUMBERS)

LABELS = {"real_label": np.array([1, 2]), "fake_label": np.array([3, 4])}
OUTCOME = Outcome(REAL_EXAMPLES, FAKE_EXAMPLES, **LABELS)


def penalize(name, score_fn, outcome=OUTCOME, seed=0, **numbers):
    keys = jax.random.split(jax.random.key(seed), len(outcome.real))
    return PENALTIES[name](score_fn, outcome, keys, **NUMBERS[name] | numbers)


def linear(examples, label):
    return examples @ SLOPE


def quadratic(examples, label):
    return 0.5 * jnp.sum(examples**2, axis=range(1, examples.ndim))  # gradient x


def test_each_penalty_is_tested_with_its_numbers():
    assert set(NUMBERS) == {*RANDOM, *DETERMINISTIC} == set(PENALTIES)
    for name, numbers in NUMBERS.items():
        assert set(numbers) == set(PARTS["penalty"][name].keys)


def checks_of(name):
    return penalty_checks(
        PARTS["penalty"][name],
        keys=NUMBERS[name],
        linear=LINEAR[name],
        random=name in RANDOM,
    )


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{name}-{check}")
        for name in NUMBERS
        for check in checks_of(name)
    ],
)
def test_penalty(check):
    check()


@pytest.mark.parametrize(
    ("name", "expected"),
    # 2 (5 - 7)^2, but nothing below a one-sided target
    [("wgan_gp", 8.0), ("wgan_lp", 0.0), ("dragan", 8.0)],
)
def test_slope_below_the_target(name, expected):
    close(penalize(name, linear, target=7.0), expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Both sides are REAL, and so is all between, of norms 5 and 1:
        # 2 ((5 - 1.5)^2 + (1 - 1.5)^2) / 2, without the second term if one-sided
        ("wgan_gp", 12.5),
        ("wgan_lp", 12.25),
        # 2/2 (25 + 1) / 2
        ("r1", 13.0),
        # 2 (5 + 1) / 2, where a norm over the batch would be 2 sqrt(26)
        ("real_gradient_norm", 6.0),
        # The scores are 12.5 and 0.5: 2 (156.25 + 0.25) / 2
        ("score_drift", 156.5),
    ],
)
def test_norms_of_each_example(name, expected):
    close(penalize(name, quadratic, Outcome(REAL_EXAMPLES, REAL_EXAMPLES)), expected)


def test_r2_is_taken_on_fakes():
    # The norms are 10 and 2: 2/2 (100 + 4) / 2
    close(penalize("r2", quadratic), 52.0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # The norm of an image is sqrt(12 * 2^2) = 6.9282032; over its 3 channels only
        # it would be 3.4641016. 2 (6.9282032 - 1.5)^2
        ("wgan_gp", 58.9307806),
        ("wgan_lp", 58.9307806),
        # 2/2 * 48
        ("r1", 48.0),
        ("r2", 48.0),
        # All numbers are equal, so that nothing is perturbed: 2 (6.9282032 - 1.5)^2
        ("dragan", 58.9307806),
        # 2 * 6.9282032
        ("real_gradient_norm", 13.8564065),
        # The score is 48/2: 2 * 24^2
        ("score_drift", 1152.0),
    ],
)
def test_norm_is_over_all_axes_of_an_image(name, expected):
    images = np.full((5, 2, 2, 3), 2.0, np.float32)
    close(penalize(name, quadratic, Outcome(images, images)), expected)


@pytest.mark.parametrize("name", INTERPOLATED)
def test_one_mixing_number_per_example(name):
    count = 1000
    ones = np.ones((count, 2, 2, 1), np.float32)
    keys = jax.random.split(jax.random.key(0), count)

    def square(score_fn, count, keys):
        outcome = Outcome(real=ones[:count], fake=0 * ones[:count])
        return PENALTIES[name](score_fn, outcome, keys, weight=1.0, target=0.0)

    # Between an image of ones and one of zeros, u is in all pixels: the norm is 2 u.
    alone = jax.jit(jax.vmap(lambda key: square(quadratic, 1, key[None])))(keys)
    mix = np.sqrt(alone) / 2
    # The mean of 1000 uniform numbers has sd sqrt(1/12/1000) = 0.009, their mean square
    # sqrt((1/5 - 1/9)/1000) = 0.009: allow four.
    assert_allclose(mix.mean(), 1 / 2, atol=0.036)
    assert_allclose(np.square(mix).mean(), 1 / 3, atol=0.036)
    close(square(quadratic, count, keys), alone.mean())

    def uneven(images, label):
        return jnp.square(images[:, 0, 0, 0] - images[:, 1, 1, 0])

    assert square(uneven, count, keys) == 0.0


def test_perturbation_is_upward_by_half_a_standard_deviation_at_most():
    # 0 and 4 in equal parts have mean 2 and standard deviation 2: half of it is 1.
    images = np.repeat([0.0, 4.0], 500).astype(np.float32)[:, None, None, None]
    images = np.tile(images, (1, 3, 2, 1))
    keys = jax.random.split(jax.random.key(0), len(images))
    seen = []

    def look(examples, label):
        seen.append(np.asarray(jax.lax.stop_gradient(examples)))
        return quadratic(examples, label)

    PENALTIES["dragan"](look, Outcome(images), keys, weight=1.0)
    (around,) = seen
    moved = (around - images).reshape(-1, 6)
    assert (moved > 0).all()
    assert (moved < 1).all()
    # u e is a product of two uniform numbers: mean 1/4, mean square 1/9; one u for an
    # example, so that two of its pixels have E u^2 e e' = 1/3 * 1/4, not 1/16. Of 1000
    # examples the means have sds below 0.009.
    assert_allclose(moved.mean(), 1 / 4, atol=0.03)
    assert_allclose(np.square(moved).mean(), 1 / 9, atol=0.03)
    assert_allclose((moved[:, 0] * moved[:, 5]).mean(), 1 / 12, atol=0.015)


def test_perturbation_is_by_the_deviation_of_the_whole_batch():
    # That of all devices' examples is asked of every penalty; here, that it matters.
    images = np.arange(8, dtype=np.float32).reshape(4, 2)
    keys = jax.random.split(jax.random.key(0), 4)

    def value(real, keys):
        return PENALTIES["dragan"](quadratic, Outcome(real), keys, weight=1.0)

    apart = jax.vmap(value)(images.reshape(2, 2, 2), keys.reshape(2, 2))
    assert abs(apart.mean() - value(images, keys)) > 1e-3


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # The norms are those of the labels, 1 and 2: 2 ((1 - 1.5)^2 + (2 - 1.5)^2) / 2
        ("wgan_gp", 0.5),
        ("wgan_lp", 0.25),
        # 2/2 (1 + 4) / 2
        ("r1", 2.5),
        # The labels are 3 and 4: 2/2 (9 + 16) / 2
        ("r2", 12.5),
        # As between: 2 ((1 - 1.5)^2 + (2 - 1.5)^2) / 2
        ("dragan", 0.5),
        # 2 (1 + 2) / 2
        ("real_gradient_norm", 3.0),
        # The scores are 1 * 3 and 2 * 0: 2 (9 + 0) / 2
        ("score_drift", 9.0),
    ],
)
def test_labels_are_passed_on(name, expected):
    close(penalize(name, lambda examples, label: label * examples[:, 0]), expected)


@each_penalty
def test_flat_score(name):
    def value(weights):
        return penalize(name, lambda examples, label: examples @ weights)

    flat = jnp.zeros(2)
    # 2 (0 - 1.5)^2, exactly: no epsilon is added to the norm.
    two_sided = name in ("wgan_gp", "dragan")
    assert value(flat) == (4.5 if two_sided else 0.0)
    assert_array_equal(jax.grad(value)(flat), 0.0)

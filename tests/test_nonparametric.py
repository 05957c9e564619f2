"""The exact optimum of the loss-sensitive GAN, and the cones through its values."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist, pdist

from ganjax.losses.loss_sensitive import l1_margin, loss_sensitive_discriminator
from ganjax.measures.nonparametric import cone_bounds, loss_sensitive_optimum

KAPPA = 1.5


def make_problem(count=60, seed=0):
    """Two overlapping clouds in the plane, and the L1 margins of their pairs."""
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(count, 2))
    fake = rng.normal(size=(count, 2)) + 1.0
    with jax.enable_x64(True):
        margin = np.asarray(l1_margin(real, fake, scale=2.0))
    return real, fake, margin


def production_loss(real_loss, fake_loss, margin, real_weight):
    with jax.enable_x64(True):
        loss = loss_sensitive_discriminator(
            -real_loss, -fake_loss, margin, real_weight=real_weight
        )
    return float(loss)


def test_one_pair_by_hand():
    # L may rise by kappa * distance = 2 * 3 from x to z, of a margin of 7.
    optimum = loss_sensitive_optimum(
        np.array([[0.0]]),
        np.array([[3.0]]),
        np.array([7.0]),
        real_weight=0.5,
        kappa=2.0,
    )
    assert_allclose(optimum.value, 1.0, atol=1e-9)
    assert_allclose(optimum.losses, [0.0, 6.0], atol=1e-9)


@pytest.mark.parametrize(
    ("real_weight", "value", "losses"),
    [
        # Raising L at 0 by 4 costs 4 w / 2 and spares the second pair its 4 / 2.
        (0.25, 0.5, [4.0, 0.0, 5.0, 5.0]),
        (3.0, 2.0, [0.0, 0.0, 1.0, 1.0]),
    ],
)
def test_a_real_example_beside_a_stranger_by_hand(real_weight, value, losses):
    # x = 0 and -10, both z = 1, margins 1 and 5, so that L(z) <= L(0) + 1 binds.
    real, fake = np.array([[0.0], [-10.0]]), np.array([[1.0], [1.0]])
    optimum = loss_sensitive_optimum(
        real, fake, np.array([1.0, 5.0]), real_weight=real_weight, kappa=1.0
    )
    assert_allclose(optimum.value, value, atol=1e-9)
    assert_allclose(optimum.losses, losses, atol=1e-9)


@pytest.mark.parametrize("real_weight", [0.0, 0.1, 1.0, 5.0])
def test_optimum_is_a_feasible_loss_function(real_weight):
    real, fake, margin = make_problem()
    value, nodes, losses = loss_sensitive_optimum(
        real, fake, margin, real_weight=real_weight, kappa=KAPPA
    )
    assert_allclose(nodes, [*real, *fake])
    assert (losses >= 0).all()
    assert (pdist(losses[:, None]) <= KAPPA * pdist(nodes) + 1e-7).all()
    found = production_loss(losses[:60], losses[60:], margin, real_weight)
    assert_allclose(found, value, rtol=1e-7)
    # Lowering L everywhere would be better still, were it allowed below 0.
    if real_weight > 0:
        assert_allclose(losses.min(), 0.0, atol=1e-9)


def lipschitz_functions(real, fake, rng):
    """Random non-negative kappa-Lipschitz functions, and sensible ones."""
    for _ in range(20):
        centres = rng.normal(scale=2.0, size=(8, 2))
        heights = rng.uniform(0.0, 6.0, size=8)
        lower, upper = cone_bounds(
            np.concatenate([real, fake]), centres, heights, kappa=KAPPA
        )
        yield np.maximum(lower, 0.0)
        yield np.maximum(upper, 0.0)
    nodes = np.concatenate([real, fake])
    yield np.zeros(len(nodes))
    # The distance to the data, and its slope away from the mean of the data.
    yield KAPPA * cdist(nodes, real).min(axis=1)
    yield np.maximum(KAPPA * (nodes @ np.full(2, 0.5**0.5) + 1.0), 0.0)


@pytest.mark.parametrize("real_weight", [0.0, 0.3, 2.0])
def test_no_lipschitz_function_does_better(real_weight):
    real, fake, margin = make_problem(40)
    best = loss_sensitive_optimum(
        real, fake, margin, real_weight=real_weight, kappa=KAPPA
    )
    rng = np.random.default_rng(1)
    others = [
        production_loss(losses[:40], losses[40:], margin, real_weight)
        for losses in lipschitz_functions(real, fake, rng)
    ]
    assert min(others) >= best.value - 1e-9
    # Nor does a step from the optimum towards any of them: the problem is convex.
    for losses in lipschitz_functions(real, fake, rng):
        near = 0.99 * best.losses + 0.01 * losses
        near = production_loss(near[:40], near[40:], margin, real_weight)
        assert near >= best.value - 1e-9


def test_margins_within_reach_cost_nothing():
    real, fake, _ = make_problem()
    margin = KAPPA * cdist(fake, real).min(axis=1)
    optimum = loss_sensitive_optimum(real, fake, margin, real_weight=1.0, kappa=KAPPA)
    assert_allclose(optimum.value, 0.0, atol=1e-9)
    assert_allclose(optimum.losses[:60], 0.0, atol=1e-8)
    assert (optimum.losses[60:] >= margin - 1e-8).all()


def test_steeper_losses_do_no_worse():
    problem = make_problem(30)
    values = [
        loss_sensitive_optimum(*problem, real_weight=0.3, kappa=kappa).value
        for kappa in (0.0, 0.5, 1.0, 2.0, 4.0)
    ]
    assert (np.diff(values) < 0).all()
    # A constant L = 0: the mean margin.
    assert_allclose(values[0], problem[2].mean(), rtol=1e-9)


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_refuses_what_does_not_pair(wrong):
    problem = list(make_problem(4))
    problem[wrong] = problem[wrong][:3]
    with pytest.raises(ValueError, match=r"must be \[N, D\], \[N, D\] and \[N\]"):
        loss_sensitive_optimum(*problem, real_weight=1.0, kappa=1.0)


def test_refuses_a_negative_weight():
    with pytest.raises(ValueError, match="real_weight"):
        loss_sensitive_optimum(*make_problem(4), real_weight=-1.0, kappa=1.0)


def test_cones_by_hand():
    nodes, values = np.array([[0.0], [4.0]]), np.array([1.0, 2.0])
    points = np.array([[1.0], [2.0], [6.0]])
    lower, upper = cone_bounds(points, nodes, values, kappa=1.0)
    # max(1 - 1, 2 - 3), max(1 - 2, 2 - 2), max(1 - 6, 2 - 2)
    assert_allclose(lower, [0.0, 0.0, 0.0])
    # min(1 + 1, 2 + 3), min(1 + 2, 2 + 2), min(1 + 6, 2 + 2)
    assert_allclose(upper, [2.0, 3.0, 4.0])


def test_cones_meet_the_optimum_and_are_lipschitz():
    real, fake, margin = make_problem()
    _, nodes, losses = loss_sensitive_optimum(
        real, fake, margin, real_weight=0.3, kappa=KAPPA
    )
    for bound in cone_bounds(nodes, nodes, losses, kappa=KAPPA):
        assert_allclose(bound, losses, atol=1e-7)
    points = np.random.default_rng(2).uniform(-4, 5, size=(300, 2))
    lower, upper = cone_bounds(points, nodes, losses, kappa=KAPPA)
    assert (lower <= upper + 1e-7).all()
    for bound in (lower, upper):
        assert (pdist(bound[:, None]) <= KAPPA * pdist(points) + 1e-9).all()


def test_every_lipschitz_function_lies_between_its_cones():
    rng = np.random.default_rng(3)
    nodes, points = rng.normal(size=(20, 2)), rng.normal(scale=3.0, size=(300, 2))

    def wave(x):
        # Its slope is at most KAPPA * (0.6 + 0.4).
        return KAPPA * (0.6 * np.sin(x[:, 0]) + 0.4 * np.abs(x[:, 1]))

    lower, upper = cone_bounds(points, nodes, wave(nodes), kappa=KAPPA)
    assert (lower <= wave(points)).all()
    assert (wave(points) <= upper).all()
    # And they bound it the tighter, the nearer a node is.
    gap = upper - lower
    assert (gap <= 2 * KAPPA * cdist(points, nodes).min(axis=1) + 1e-12).all()

"""Limits and truths of the losses; what all objectives share is in the suite."""

import inspect
import math
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conformance import PLAYERS
from numpy.testing import assert_allclose
from scipy import stats
from tables import OBJECTIVES, PARTS

from ganjax import losses
from ganjax.testing import FAKE, REAL, random_scores
from ganjax.types import Outcome

close = partial(assert_allclose, rtol=1e-6, atol=1e-6)

# (mean, sd) of P and of Q, and their Jensen-Shannon divergence in nats, by quadrature.
GAUSSIANS = {
    "equal": ((0.0, 1.0), (0.0, 1.0), 0.0),
    "shifted": ((0.0, 1.0), (1.0, 1.0), 0.11142148218473619),
    "shifted_and_wider": ((0.0, 1.0), (1.0, 1.2), 0.09836719416136641),
    "wider": ((0.0, 1.0), (0.0, 2.0), 0.09273338166641253),
}
GRID = np.linspace(-20.0, 20.0, 4001)


def test_names_are_sorted_and_pair_up():
    assert losses.__all__ == sorted(losses.__all__)
    for player, other in (PLAYERS, PLAYERS[::-1]):
        names = {n.removesuffix(f"_{player}") for n in losses.__all__ if player in n}
        alone = {
            name for name, row in PARTS["objective"].items() if row.players == (player,)
        }
        for name in names - {"f_divergence_direct"} - alone:
            assert f"{name}_{other}" in losses.__all__


@pytest.mark.parametrize(
    ("name", "real", "fake"),
    [
        # softplus(-r): 2.115680 / 4; softplus(s): 2.607414 / 4
        ("minimax", 0.5289200, 0.6518535),
        # relu(1 - r): (0 + 0.5 + 2 + 0) / 4; relu(1 + s): (0.5 + 2 + 0 + 1) / 4
        ("hinge", 0.625, 0.875),
        # -(2 + 0.5 - 1 + 1.5) / 4; (-0.5 + 1 - 2 + 0) / 4
        ("wasserstein", -0.75, -0.375),
    ],
)
def test_terms_of_a_discriminator_are_those_of_its_two_sides(name, real, fake):
    outcome = Outcome(real_score=jnp.asarray(REAL), fake_score=jnp.asarray(FAKE))
    terms = OBJECTIVES[name]().losses["discriminator"](outcome)
    assert set(terms) == {"real_loss", "fake_loss"}
    close(terms["real_loss"], real)
    close(terms["fake_loss"], fake)


@pytest.mark.parametrize("name", losses.__all__)
def test_docstring_names_a_paper(name):
    author_and_year = r"[A-Z][\w-]+ (et al\. |and [A-Z][\w-]+ )?(19|20)\d\d, "
    assert re.search(author_and_year, getattr(losses, name).__doc__)


def test_default_numbers_are_those_of_the_schema():
    for name in losses.__all__:
        row = PARTS["objective"].get(name.rpartition("_")[0])
        for keyword in inspect.signature(getattr(losses, name)).parameters.values():
            key = row and row.keys.get(keyword.name)
            is_number = key and not key.choices and not key.part
            if is_number and keyword.kind is keyword.KEYWORD_ONLY:
                assert keyword.default == key.default


def on_grid(name, score, p, q):
    """A discriminator's loss in expectation, E over p of reals and over q of fakes.

    The two terms are told apart by a score so large that the other's is exactly 0.
    """
    loss = jax.vmap(getattr(losses, f"{name}_discriminator"))
    certain = jnp.full_like(score, 1e4)
    integrand = p * loss(score, -certain) + q * loss(certain, score)
    return jnp.trapezoid(integrand, GRID)


@pytest.mark.parametrize("pair", GAUSSIANS)
def test_minimax_at_the_optimal_discriminator(pair):
    first, second, divergence = GAUSSIANS[pair]
    p, q = stats.norm.pdf(GRID, *first), stats.norm.pdf(GRID, *second)
    best = stats.norm.logpdf(GRID, *first) - stats.norm.logpdf(GRID, *second)
    with jax.enable_x64(True):
        value, gradient = jax.value_and_grad(on_grid, 1)(
            "minimax", jnp.asarray(best), p, q
        )
    # The value function is 2 JSD - log 4 there, and the loss is minus it. That the
    # score is logit D* = log p - log q is seen by the gradient, which is 0 all along.
    assert_allclose(value, math.log(4) - 2 * divergence, rtol=1e-9)
    assert_allclose(gradient, 0.0, atol=1e-15)


def test_minimax_game_is_zero_sum():
    real, fake = random_scores(8)
    of_fake = jax.grad(losses.minimax_discriminator, 1)(real, fake)
    close(jax.grad(losses.minimax_generator)(fake), -of_fake)


def test_non_saturating_without_smoothing_is_minimax():
    scores = random_scores(8)
    close(
        losses.non_saturating_discriminator(*scores, real_target=1.0),
        losses.minimax_discriminator(*scores),
    )


@pytest.mark.parametrize("target", [0.5, 0.7, 0.9])
def test_smoothing_asks_for_the_probability(target):
    def loss(score):
        return losses.non_saturating_discriminator(
            jnp.full(4, score), jnp.zeros(4), real_target=target
        )

    best = math.log(target / (1 - target))
    close(jax.grad(loss)(best), 0.0)
    assert loss(best) < min(loss(best - 0.1), loss(best + 0.1))


@pytest.mark.parametrize(
    "name",
    [
        "relativistic_average_discriminator",
        "relativistic_average_generator",
        "relativistic_discriminator",
        "relativistic_generator",
        "wasserstein_discriminator",
    ],
)
def test_only_differences_of_scores_matter(name):
    loss, (real, fake) = getattr(losses, name), random_scores(8)
    close(loss(real + 5.0, fake + 5.0), loss(real, fake), rtol=1e-5)


@pytest.mark.parametrize("devices", [2, 4, 8])
@pytest.mark.parametrize("player", PLAYERS)
def test_relativistic_average_is_over_all_devices(player, devices):
    loss = getattr(losses, f"relativistic_average_{player}")

    def shared(*scores):
        shards = [score.reshape(devices, -1) for score in scores]
        mapped = jax.vmap(partial(loss, axis_name="device"), axis_name="device")
        return mapped(*shards).mean()

    scores = random_scores(8)
    expected, gradients = jax.value_and_grad(loss, (0, 1))(*scores)
    value, found = jax.value_and_grad(shared, (0, 1))(*scores)
    close(value, expected)
    close(found, gradients)


@pytest.mark.parametrize("player", PLAYERS)
def test_paired_loss_refuses_scores_that_do_not_pair(player):
    loss = getattr(losses, f"relativistic_{player}")
    with pytest.raises(ValueError, match=r"\(4,\).*\(4, 1\)|\(4, 1\).*\(4,\)"):
        loss(jnp.zeros(4), jnp.zeros((4, 1)))


def test_least_squares_optimum_is_the_mean_target():
    # Mao et al. 2017: D*(x) = (b p(x) + a q(x)) / (p(x) + q(x)). On two points,
    # b = 2, a = -1: p = 3/4 and q = 1/4 at the first, the other way at the second.
    def loss(score):
        real, fake = score[jnp.array([0, 0, 0, 1])], score[jnp.array([0, 1, 1, 1])]
        return losses.least_squares_discriminator(
            real, fake, real_target=2.0, fake_target=-1.0
        )

    # (2 * 3/4 - 1/4) / 1 and (2 * 1/4 - 3/4) / 1
    close(jax.grad(loss)(jnp.array([1.25, -0.25])), 0.0)


def test_hinge_is_flat_beyond_the_margin():
    real, fake = jnp.array([1.5, 40.0, 0.5, -3.0]), jnp.array([-1.5, -40.0, -0.5, 3.0])
    of_real, of_fake = jax.grad(losses.hinge_discriminator, (0, 1))(real, fake)
    np.testing.assert_array_equal(of_real, [0.0, 0.0, -0.25, -0.25])
    np.testing.assert_array_equal(of_fake, [0.0, 0.0, 0.25, 0.25])
    assert losses.hinge_discriminator(real[:2], fake[:2]) == 0.0

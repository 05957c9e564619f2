"""Objectives: which fields of an outcome each player's loss reads.

A builder takes the numbers of its row in `ganjax.schema.OBJECTIVES` by keyword, all of
which may be traced, and returns an `Objective`. Formulas and scales are those of the
losses.
"""

from collections.abc import Callable
from functools import partial

from jax import Array

from ganjax import losses
from ganjax.types import Objective, Outcome


def _adversarial(
    discriminator: Callable[[Outcome], Array],
    generator: Callable[[Outcome], Array],
    *,
    threshold: Array | float | None,
) -> Objective:
    """An objective of one term, "adversarial", for each of the two players."""
    return Objective(
        {
            "discriminator": lambda outcome: {"adversarial": discriminator(outcome)},
            "generator": lambda outcome: {"adversarial": generator(outcome)},
        },
        threshold,
    )


def _two_sided(
    real: Callable[[Array], Array],
    fake: Callable[[Array], Array],
    generator: Callable[[Array], Array],
    *,
    threshold: Array | float | None,
) -> Objective:
    """An objective whose discriminator has a term of each side's scores.

    Its terms are "real_loss" and "fake_loss", the generator's is "adversarial".
    """
    return Objective(
        {
            "discriminator": lambda outcome: {
                "real_loss": real(outcome.real_score),
                "fake_loss": fake(outcome.fake_score),
            },
            "generator": lambda outcome: {"adversarial": generator(outcome.fake_score)},
        },
        threshold,
    )


def minimax() -> Objective:
    """Minimax GAN."""
    return _two_sided(
        losses.minimax_real,
        losses.minimax_fake,
        losses.minimax_generator,
        threshold=0.0,
    )


def non_saturating(*, real_target: float | Array) -> Objective:
    """Non-saturating GAN, with one-sided label smoothing below a target of 1."""
    return _two_sided(
        partial(losses.non_saturating_real, real_target=real_target),
        losses.minimax_fake,
        losses.non_saturating_generator,
        threshold=0.0,
    )


def least_squares(
    *,
    real_target: float | Array,
    fake_target: float | Array,
    generator_target: float | Array,
) -> Objective:
    """Least-squares GAN; the paper's b, a, c are real, fake, generator target."""
    return _two_sided(
        partial(losses.least_squares_real, real_target=real_target),
        partial(losses.least_squares_fake, fake_target=fake_target),
        partial(losses.least_squares_generator, generator_target=generator_target),
        threshold=(real_target + fake_target) / 2,
    )


def hinge() -> Objective:
    """Hinge GAN."""
    return _two_sided(
        losses.hinge_real,
        losses.hinge_fake,
        losses.hinge_generator,
        threshold=0.0,
    )


def wasserstein() -> Objective:
    """Wasserstein GAN; the Lipschitz constraint is a penalty or clipped weights."""
    return _two_sided(
        losses.wasserstein_real,
        losses.wasserstein_fake,
        losses.wasserstein_generator,
        threshold=None,
    )


def relativistic() -> Objective:
    """Relativistic GAN, paired by index."""
    return _adversarial(
        lambda o: losses.relativistic_discriminator(o.real_score, o.fake_score),
        lambda o: losses.relativistic_generator(o.real_score, o.fake_score),
        threshold=None,
    )


def relativistic_average(*, axis_name: str | None = None) -> Objective:
    """Relativistic average GAN."""
    return _adversarial(
        lambda o: losses.relativistic_average_discriminator(
            o.real_score, o.fake_score, axis_name=axis_name
        ),
        lambda o: losses.relativistic_average_generator(
            o.real_score, o.fake_score, axis_name=axis_name
        ),
        threshold=None,
    )


OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "minimax": minimax,
    "non_saturating": non_saturating,
    "least_squares": least_squares,
    "hinge": hinge,
    "wasserstein": wasserstein,
    "relativistic": relativistic,
    "relativistic_average": relativistic_average,
}

# Their losses compare each example with the whole batch, which several devices may
# share, so their builders take the name of the device axis as well.
BATCH_COUPLED = frozenset({"relativistic_average"})

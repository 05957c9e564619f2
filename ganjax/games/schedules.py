"""Schedules of play: which players move in which round."""

from collections.abc import Callable

from ganjax.types import Schedule


def alternating(*, discriminator_rounds: int, generator_rounds: int) -> Schedule:
    """The discriminator moves k times, then the generator: the double loop.

    Goodfellow et al. 2014, "Generative Adversarial Nets", algorithm 1.
    """
    return (
        (("discriminator",), discriminator_rounds),
        (("generator",), generator_rounds),
    )


def simultaneous() -> Schedule:
    """Both move from the same forward pass.

    Nowozin et al. 2016, "f-GAN", algorithm 1.
    """
    return ((("discriminator", "generator"), 1),)


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "alternating": alternating,
    "simultaneous": simultaneous,
}

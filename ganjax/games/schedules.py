"""Schedules of play: which players move in which round."""

from ganjax.types import Schedule


def alternating(
    players: tuple[str, ...], *, discriminator_rounds: int, generator_rounds: int
) -> Schedule:
    """The discriminator moves k times, then all others: the double loop.

    Goodfellow et al. 2014, "Generative Adversarial Nets", algorithm 1.
    """
    others = tuple(player for player in players if player != "discriminator")
    return (
        (("discriminator",), discriminator_rounds),
        (others, generator_rounds),
    )


def simultaneous(players: tuple[str, ...]) -> Schedule:
    """All players move from the same forward pass; one that is alone just moves.

    Nowozin et al. 2016, "f-GAN", algorithm 1.
    """
    return ((players, 1),)

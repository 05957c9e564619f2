"""Who plays in which round of a step."""

from ganjax.types import Rounds


def alternating(
    players: tuple[str, ...], *, discriminator_rounds: int, generator_rounds: int
) -> Rounds:
    """The discriminator moves k times, then all others: the double loop.

    Goodfellow et al. 2014, "Generative Adversarial Nets", algorithm 1.
    """
    others = tuple(player for player in players if player != "discriminator")
    return (
        (("discriminator",), discriminator_rounds),
        (others, generator_rounds),
    )


def simultaneous(players: tuple[str, ...]) -> Rounds:
    """All players move from the same forward pass; one that is alone just moves.

    Nowozin et al. 2016, "f-GAN", algorithm 1.
    """
    return ((players, 1),)

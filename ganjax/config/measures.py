"""What evaluations measure, and which way is better. No jax."""

import math
from collections.abc import Iterable

from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import rows

# The first of these that a run has is its key measure. The word of each says where the
# best value lies. Numbers that are not here are shown, but rank nothing: precision and
# density are best of noise, see `remark`.
BEST = {
    number: where
    for part in rows(BUILT_IN, "measure").values()
    for number, where in part.better.items()
}

_OF_PIXELS = frozenset({"coverage", "precision", "recall", "density"})


def remark(names: Iterable[str]) -> str:
    """What a reader of these measures should know, in sentences, or nothing."""
    if _OF_PIXELS.isdisjoint(names):
        return ""
    return (
        "Coverage, precision, recall and density compare pixels, by which blur is near "
        "to everything: even noise can have a higher precision and density than the "
        "data. Look at the samples too, and judge nothing by precision or density "
        "alone."
    )


def key_measure(names: Iterable[str]) -> str | None:
    """The measure that a run is judged by first, of those that it has."""
    have = set(names)
    return next((name for name in BEST if name in have), None)


def cost(name: str, value: float) -> float:
    """How far `value` is from the best, to be compared only: less is better.

    NaN and names that are not in `BEST` give infinity.
    """
    best = BEST.get(name)
    if best is None or math.isnan(value):
        return math.inf
    if best == "one":
        return abs(math.log(value)) if value > 0 else math.inf
    return value if best == "lowest" else -value


def scale(name: str, value: float) -> float:
    """The value on the scale whose differences are meant: itself or, for one, |log|."""
    return cost(name, value) if BEST.get(name) == "one" else value

"""Which way a number of a measure is better, and what a run is judged by. No jax."""

import math
from collections.abc import Iterable, Mapping

from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import rows

# By the name of a number, where its best value lies, one of `catalogue.BEST_AT`. The
# first of a ranking that a run has is its key measure; what is not in it is shown, but
# ranks nothing.
Ranking = Mapping[str, str]

# Of the built-in measures. Precision and density are best of noise, see `remark`.
BEST: Ranking = {
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
        "Coverage, precision, recall and density compare pixels, where blur is near "
        "to everything: even noise can have a higher precision and density than the "
        "data. Look at the samples too, and judge nothing by precision or density "
        "alone."
    )


def ranking_of(said: Iterable[Ranking]) -> tuple[Ranking, tuple[str, ...]]:
    """The ranking by what runs say of their numbers, and the numbers in dispute.

    Built-in numbers come first, and no run changes how they rank. Those of the runs'
    own measures follow, in the order of the runs. A number about which two runs
    disagree ranks nothing; a run that does not name it takes no side.
    """
    own: dict[str, set[str]] = {}
    for better in said:
        for number, where in better.items():
            if number not in BEST:
                own.setdefault(number, set()).add(where)
    agreed = {number: next(iter(x)) for number, x in own.items() if len(x) == 1}
    return {**BEST, **agreed}, tuple(number for number in own if number not in agreed)


def key_measure(names: Iterable[str], ranking: Ranking) -> str | None:
    """The measure that a run is judged by first, of those that it has."""
    have = set(names)
    return next((name for name in ranking if name in have), None)


def cost(name: str, value: float, ranking: Ranking) -> float:
    """How far `value` is from the best, to be compared only: less is better.

    NaN and names that are not in `ranking` give infinity.
    """
    best = ranking.get(name)
    if best is None or math.isnan(value):
        return math.inf
    if best == "one":
        return abs(math.log(value)) if value > 0 else math.inf
    return value if best == "lowest" else -value


def scale(name: str, value: float, ranking: Ranking) -> float:
    """The value on the scale whose differences are meant: itself or, for one, |log|."""
    return cost(name, value, ranking) if ranking.get(name) == "one" else value

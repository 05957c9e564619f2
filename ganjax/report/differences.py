"""Paired differences between groups of runs, with bootstrap intervals."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ganjax.config import ranks
from ganjax.report.comparison import Group, finished, measured
from ganjax.study import mean_interval


class Difference(NamedTuple):
    """A group minus another over shared seeds, with a 95 % interval of the mean.

    The interval is None for less than three pairs.
    """

    pairs: int
    mean: float
    interval: tuple[float, float] | None


def difference(
    group: Group, other: Group, name: str, ranking: ranks.Ranking
) -> Difference:
    """`group` minus `other` in a measure, seed by seed."""
    ours, theirs = _by_seed(group, name, ranking), _by_seed(other, name, ranking)
    shared = [ours[seed] - theirs[seed] for seed in ours if seed in theirs]
    pairs = np.array([pair for pair in shared if math.isfinite(pair)])
    mean = float(pairs.mean()) if len(pairs) else math.nan
    return Difference(len(pairs), mean, mean_interval(pairs))


def _by_seed(group: Group, name: str, ranking: ranks.Ranking) -> dict[Any, float]:
    """The measure on the scale of its differences; runs of one seed give their mean."""
    found: dict[Any, list[float]] = {}
    for run in finished(group):
        value = ranks.scale(name, measured(run)[name], ranking)
        found.setdefault(run.config.get("seed"), []).append(value)
    return {seed: math.fsum(numbers) / len(numbers) for seed, numbers in found.items()}

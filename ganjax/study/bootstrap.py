"""How sure a mean or a ranking is, by drawing the runs again with replacement.

Efron 1979, "Bootstrap Methods: Another Look at the Jackknife". With few seeds such
intervals are rough, and rather too narrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from ganjax.study.runs import Floats

T = TypeVar("T")

_LEAST = 3  # values; below, an interval would be no more than the values themselves
_RESAMPLES = 10_000
_EXACT = 50_000  # ways to resample that are few enough to go through all of them
_ENDS = (0.025, 0.975)


class Rank(NamedTuple):
    """The rank of a group, and how sure it is; 1 is the best.

    Groups that are alike share the mean of their ranks, and the first place.
    """

    rank: float
    first: float  # probability of being the first
    interval: tuple[float, float]  # of the rank, 95 %


def mean_interval(values: Sequence[float] | Floats) -> tuple[float, float] | None:
    """A 95 % percentile interval of the mean `[N]`; None for less than 3 values.

    From the 2.5 % to the 97.5 % quantile of the means of resamples, N values drawn of N
    with replacement. It goes through all N^N of them where they are few, and otherwise
    through 10,000, always the same.
    """
    numbers = np.asarray(values, float)
    count = len(numbers)
    if count < _LEAST:
        return None
    if count**count <= _EXACT:
        chosen = np.indices((count,) * count).reshape(count, -1)
    else:
        chosen = np.random.default_rng(0).integers(0, count, (count, _RESAMPLES))
    low, high = np.quantile(numbers[chosen].mean(axis=0), _ENDS).tolist()
    return low, high


def rank_groups(costs: Mapping[T, Sequence[float]], *, seed: int = 0) -> dict[T, Rank]:
    """Ranks groups by their mean cost, the least first, and says how sure that is.

    With m_g the mean of group g, its rank is 1 + #{h: m_h < m_g} + #{h != g: m_h = m_g}
    / 2. In each of 10,000 resamples each group's values are drawn again, as many as
    they are, with replacement and independently of the other groups'. `first` is the
    mean over resamples of 1[m_g is the least] / #{h: m_h = m_g}; the interval reaches
    from the 2.5 % to the 97.5 % quantile of the rank.

    Args:
      costs: the values of each group, one at least, finite.
      seed: of the resamples.

    Raises:
      ValueError: a group without values, or a value that is not finite.

    Hall and Miller 2009, "Using the bootstrap to quantify the authority of an empirical
    ranking", section 2, where all of a group's values are drawn again.
    """
    groups = [np.asarray(own, float) for own in costs.values()]
    for name, own in zip(costs, groups, strict=True):
        if not own.size or not np.isfinite(own).all():
            raise ValueError(f"{name}: finite costs, one at least, not {own.tolist()}")
    rng = np.random.default_rng(seed)
    again = [own[rng.integers(0, len(own), (_RESAMPLES, len(own)))] for own in groups]
    drawn = _ranks(np.stack([own.mean(axis=1) for own in again], axis=1))
    (found,) = _ranks(np.array([[own.mean() for own in groups]]))
    best = drawn == drawn.min(axis=1, keepdims=True)
    first = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    low, high = np.quantile(drawn, _ENDS, axis=0)
    return {
        name: Rank(float(found[i]), float(first[i]), (float(low[i]), float(high[i])))
        for i, name in enumerate(costs)
    }


def _ranks(means: Floats) -> Floats:
    """The rank `[B, G]` of each of G means `[B, G]`; those that are alike share it."""
    less = (means[:, None, :] < means[:, :, None]).sum(axis=2)
    alike = (means[:, None, :] == means[:, :, None]).sum(axis=2)
    return 1 + less + (alike - 1) / 2

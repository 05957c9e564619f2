"""Points of a sweep: grids, and points drawn from ranges.

Each function gives overrides, `{"dotted.key": value}`, for `add(**point)` of an
experiment's `sweep(add)`. The same arguments give the same points, and a larger `count`
adds points behind those of a smaller one. Where all values are of lists or are ints, a
point may be drawn twice, which a sweep refuses.
"""

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganjax.config.experiment import ConfigError

Point = dict[str, Any]

_DIGITS = 4  # of a float that is drawn, so that folders have readable names


@dataclass(frozen=True)
class Range:
    """Values from `low` to `high`, see `between`."""

    low: float
    high: float
    log: bool

    def at(self, share: float) -> float:
        """The value below which lies this share, in [0, 1), of what is drawn."""
        low, high = self.low, self.high
        whole = isinstance(low, int) and isinstance(high, int)
        end = high + 1 if whole else high
        value = low * (end / low) ** share if self.log else low + (end - low) * share
        # A rounded value may lie outside.
        rounded = math.floor(value) if whole else float(f"{value:.{_DIGITS}g}")
        return min(max(rounded, low), high)


Values = Range | Sequence[Any]


def between(low: float, high: float, *, log: bool = False) -> Range:
    """Values to be drawn evenly between two bounds.

    Args:
      low: the least, and
      high: the greatest. Of two ints ints are drawn, both bounds among them, else
        floats of four digits.
      log: evenly in the logarithm, as suits rates and weights.

    Raises:
      ConfigError: bounds that are not finite or not in order, or a logarithm of what is
        not positive.
    """
    for bound in (low, high):
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            raise ConfigError(f"between({low}, {high}): bounds must be numbers")
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError(
            f"between({low}, {high}): must be finite, the lower one first"
        )
    if log and low <= 0:
        raise ConfigError(f"between({low}, {high}, log=True): must be above 0")
    return Range(low, high, log)


def product(values: Mapping[str, Sequence[Any]]) -> Iterator[Point]:
    """Each combination of the keys' values, the last key's changing first.

    Raises:
      ConfigError: no key, no value of a key, or a range, which has no end of values.
    """
    _check(values)
    for combination in itertools.product(*values.values()):
        yield dict(zip(values, combination, strict=True))


def zipped(values: Mapping[str, Sequence[Any]]) -> Iterator[Point]:
    """The first value of each key, then the second of each, and so on.

    Raises:
      ConfigError: as `product`, or keys with different numbers of values.
    """
    _check(values)
    counts = {key: len(own) for key, own in values.items()}
    if len(set(counts.values())) > 1:
        words = ", ".join(f"{key} has {count}" for key, count in counts.items())
        raise ConfigError(f"zipped: as many values for each key; {words}")
    for together in zip(*values.values(), strict=True):
        yield dict(zip(values, together, strict=True))


def random_points(
    count: int, values: Mapping[str, Values], *, seed: int = 0
) -> Iterator[Point]:
    """Points drawn independently, from ranges and from lists of values.

    Bergstra and Bengio 2012, "Random Search for Hyper-Parameter Optimization".

    Raises:
      ConfigError: no key, no value of a key, or a `count` below 1.
    """
    _check_drawn(count, values)
    generator = random.Random(seed)
    for _ in range(count):
        yield _point(values, [generator.random() for _ in values])


def sobol_points(
    count: int, values: Mapping[str, Values], *, seed: int = 0
) -> Iterator[Point]:
    """Points of a scrambled Sobol sequence, which leave smaller gaps than random ones.

    Most even where `count` is a power of two. `scipy.stats.qmc.Sobol`; Owen 1998,
    "Scrambling Sobol' and Niederreiter-Xing Points".

    Raises:
      ConfigError: no key, no value of a key, or a `count` below 1.
    """
    _check_drawn(count, values)
    from scipy.stats import qmc  # takes a second

    sequence = qmc.Sobol(len(values), rng=seed)
    for shares in sequence.random_base2(math.ceil(math.log2(count)))[:count]:
        yield _point(values, shares.tolist())


def _point(values: Mapping[str, Values], shares: Sequence[float]) -> Point:
    return {
        key: own.at(share) if isinstance(own, Range) else own[int(share * len(own))]
        for (key, own), share in zip(values.items(), shares, strict=True)
    }


def _check_drawn(count: int, values: Mapping[str, Values]) -> None:
    if count < 1:
        raise ConfigError(f"a count of {count} points; must be at least 1")
    lists = {key: own for key, own in values.items() if not isinstance(own, Range)}
    if lists or not values:
        _check(lists)


def _check(values: Mapping[str, Any]) -> None:
    if not values:
        raise ConfigError("points of no key; must be {'dotted.key': values}")
    for key, own in values.items():
        if isinstance(own, Range):
            raise ConfigError(f"{key}: a range is for random_points and sobol_points")
        if isinstance(own, str) or not isinstance(own, Sequence):
            raise ConfigError(f"{key}: must be a list of values, not {own!r}")
        if not own:
            raise ConfigError(f"{key}: must have a value")

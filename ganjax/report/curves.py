"""The numbers behind a chart's curve: its trend, fewer points, a useful range."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganjax.study import Floats

MAX_POINTS = 600
MAX_HALF_WINDOW = 200
RECORDS_PER_HALF_WINDOW = 50


class Series(NamedTuple):
    """One named curve. `kind` picks its colour (a CSS class), `dash` its line style.

    `band` are the lower and the upper bound `[N]` of an area around it, drawn as it is.
    """

    label: str
    kind: str
    dash: int
    steps: Floats
    values: Floats  # NaN where the record is non-finite
    band: tuple[Floats, Floats] | None = None


class Curve(NamedTuple):
    """A series ready to be drawn: at most `MAX_POINTS` of its records.

    `trend` is `None` where the series is too short for one.
    """

    series: Series
    steps: Floats
    values: Floats
    trend: Floats | None


def make_curve(series: Series) -> Curve:
    """Thins a series and finds its trend; one with a band is drawn as it is."""
    if series.band is not None:
        return Curve(series, series.steps, series.values, None)
    kept = thin(series.values)
    half = min(len(series.values) // RECORDS_PER_HALF_WINDOW, MAX_HALF_WINDOW)
    trend = find_trend(series.values, kept, half) if half else None
    return Curve(series, series.steps[kept], series.values[kept], trend)


def find_trend(values: Floats, places: NDArray[np.intp], half: int) -> Floats:
    """The interquartile mean of `2 * half + 1` values centred at each of `places`.

    It is nearly as smooth as a mean, and a spike moves it no more than a median.
    Missing values stay missing and do not count in their neighbours' trend.
    """
    trend = np.full(len(places), np.nan)
    for index, place in enumerate(places.tolist()):
        if np.isfinite(values[place]):
            window = values[max(0, place - half) : place + half + 1]
            ordered = np.sort(window[np.isfinite(window)])
            cut = (len(ordered) + 1) // 4
            trend[index] = ordered[cut : len(ordered) - cut].mean()
    return trend


def thin(values: Floats) -> NDArray[np.intp]:
    """The indices of at most `MAX_POINTS` values, spikes and gaps among them.

    Of each bucket of neighbours it keeps the smallest, the largest and one missing.
    """
    if len(values) <= MAX_POINTS:
        return np.arange(len(values))
    kept = {0, len(values) - 1}
    # Three of each bucket, and the two ends.
    buckets = (MAX_POINTS - 2) // 3
    for bucket in np.array_split(np.arange(len(values)), buckets):
        finite = bucket[np.isfinite(values[bucket])]
        missing = bucket[~np.isfinite(values[bucket])]
        kept.update(missing[:1].tolist())
        if len(finite):
            kept.add(int(finite[np.argmin(values[finite])]))
            kept.add(int(finite[np.argmax(values[finite])]))
    return np.array(sorted(kept))


def shorten(steps: Floats, values: Floats, points: int) -> tuple[Floats, Floats]:
    """At most `points` of the steps `[N]` and the values `[S, N]` of several series.

    Each is the mean of the finite ones of equally many neighbours, at their last step.
    """
    size = -(-len(steps) // points)
    if size <= 1:
        return steps, values
    starts = np.arange(0, len(steps), size)
    finite = np.isfinite(values)
    sums = np.add.reduceat(np.where(finite, values, 0.0), starts, axis=1)
    counts = np.add.reduceat(finite, starts, axis=1, dtype=np.int64)
    means = sums / np.maximum(counts, 1) + np.where(counts, 0.0, np.nan)
    return steps[np.minimum(starts + size, len(steps)) - 1], means


def visible_range(series: list[Series], *, is_log: bool) -> tuple[float, float] | None:
    """The values that an axis should cover; `None` where there is none to show.

    A linear axis leaves out rare values that would flatten everything else.
    """
    lows, highs = [], []
    for one in series:
        values = np.concatenate([one.values, *(one.band or ())])
        finite = values[np.isfinite(values)]
        if is_log:
            finite = finite[finite > 0]
        if len(finite) == 0:
            continue
        low, high = float(finite.min()), float(finite.max())
        common_low, common_high = np.quantile(finite, [0.01, 0.99]).tolist()
        common = common_high - common_low
        if not is_log and high - low > 4 * common > 0:
            low = max(low, common_low - common / 2)
            high = min(high, common_high + common / 2)
        lows.append(low)
        highs.append(high)
    return (min(lows), max(highs)) if lows else None

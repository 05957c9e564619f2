"""Axes: a range, ticks at round numbers, and their labels."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganjax.report import text

_MIN_DECADES = 0.8  # any such span holds two of 1, 2, 5, 10


class Axis(NamedTuple):
    """A range `[low, high]` and its labelled ticks; `is_log` for a logarithmic one."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    is_log: bool = False


def fraction(axis: Axis, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where values lie on the axis, from 0 at `low` to 1 at `high`."""
    if axis.is_log:
        low, high = np.log(axis.low), np.log(axis.high)
        return (np.log(values) - low) / (high - low)
    return (values - axis.low) / (axis.high - axis.low)


def linear_axis(low: float, high: float, intervals: int = 5) -> Axis:
    """An axis over `[low, high]`, widened if that is too narrow to label."""
    size = max(abs(low), abs(high))
    # Labels have four digits to tell two ticks apart.
    room = (0.2 * size or 1.0) if low == high else 1e-2 * size
    if high - low < room:
        middle = (low + high) / 2
        low, high = middle - room / 2, middle + room / 2
    step = _nice_step((high - low) / intervals)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = tuple(index * step for index in range(first, last + 1))
    return Axis(low, high, ticks, _linear_labels(ticks, step))


def log_axis(low: float, high: float) -> Axis:
    """A logarithmic axis over positive `[low, high]`, at least `_MIN_DECADES` long."""
    bottom, top = math.log10(low), math.log10(high)
    missing = max(0.0, _MIN_DECADES - (top - bottom))
    bottom, top = bottom - missing / 2, top + missing / 2
    decades = range(math.floor(bottom), math.ceil(top) + 1)
    stride = math.ceil((top - bottom) / 6)
    span = top - bottom
    mantissas = (1, 2, 5) if span < 1.5 else (1, 3) if span < 3 else (1,)
    marks = [
        (mantissa, decade)
        for decade in decades
        for mantissa in mantissas
        if decade % stride == 0
        and bottom - 1e-9 <= decade + math.log10(mantissa) <= top + 1e-9
    ]
    return Axis(
        10.0**bottom,
        10.0**top,
        tuple(mantissa * 10.0**decade for mantissa, decade in marks),
        tuple(_log_label(mantissa, decade) for mantissa, decade in marks),
        is_log=True,
    )


def _nice_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    nice = next(m for m in (1, 2, 5, 10) if m * power >= 0.9 * rough)
    return nice * power


def _linear_labels(ticks: tuple[float, ...], step: float) -> tuple[str, ...]:
    largest = max(map(abs, ticks), default=0.0)
    if largest >= 1e12 or step < 1e-4:
        return tuple(text.number(tick) for tick in ticks)
    suffixes = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
    # 5 000 reads "5k", but 900 and 1 000 on one axis are clearer in full.
    unit, suffix = next(
        (unit, suffix)
        for unit, suffix in suffixes
        if unit == 1.0 or (largest >= 2 * unit and step >= unit / 10)
    )
    decimals = max(0, -math.floor(math.log10(step / unit) + 1e-9))
    return tuple(
        text.signed(f"{tick / unit:.{decimals}f}{suffix}")
        if round(tick / step)
        else "0"
        for tick in ticks
    )


def _log_label(mantissa: int, decade: int) -> str:
    if -3 <= decade < 3:
        return f"{mantissa * 10.0**decade:.{max(0, -decade)}f}"
    if 3 <= decade < 6:
        return f"{mantissa * 10 ** (decade - 3)}k"
    power = text.power_of_ten(decade)
    return power if mantissa == 1 else f"{mantissa}·{power}"

"""Line charts as inline SVG with a legend that a small script makes live."""

from __future__ import annotations

import json
import math
from typing import NamedTuple

import numpy as np

from ganjax.report import text
from ganjax.report.axes import Axis, fraction, linear_axis, log_axis
from ganjax.report.curves import Curve, Series, make_curve, visible_range
from ganjax.report.markup import Markup, element, join
from ganjax.study import Floats

WIDTH, HEIGHT = 420, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 8, 24
_MAX_DOTS = 25  # beyond that many records a line shows them well enough


class Chart(NamedTuple):
    """What one chart shows; `limits` fixes the vertical range."""

    title: str
    subtitle: str
    series: list[Series]
    is_log: bool = False
    limits: tuple[float, float] | None = None


def chart_markup(chart: Chart, last_step: float, *, has_legend: bool = True) -> Markup:
    """A chart as a figure: title, legend with the newest values, plot, remarks.

    Charts without a legend of their own share the page's, the list `.groups`.
    """
    vertical = _vertical_axis(chart)
    curves = [make_curve(series) for series in chart.series]
    horizontal = linear_axis(0.0, max(last_step, 1.0), intervals=5)
    remarks = _remarks(chart, vertical)
    return element(
        "figure",
        element(
            "figcaption",
            element("h3", chart.title),
            element("span", chart.subtitle),
            element("output", class_="where"),
        ),
        _legend(curves) if has_legend else "",
        _plot(chart.title, curves, horizontal, vertical),
        element("p", remarks, class_="remark") if remarks else "",
        class_="chart",
    )


def _vertical_axis(chart: Chart) -> Axis:
    seen = visible_range(chart.series, is_log=chart.is_log)
    if chart.is_log:
        return log_axis(*(seen or (0.1, 1.0)))
    low, high = chart.limits or seen or (0.0, 1.0)
    margin = 0.04 * (high - low)
    return linear_axis(low - margin, high + margin)


def _legend(curves: list[Curve]) -> Markup:
    items = (
        element(
            "li",
            swatch(),
            element("span", curve.series.label),
            element("output", _newest(curve)),
            class_=_classes(curve.series),
        )
        for curve in curves
    )
    has_trend = any(curve.trend is not None for curve in curves)
    return element("ul", *items, class_="legend trended" if has_trend else "legend")


def swatch() -> Markup:
    """A short line in the colour and dash of the element that it stands in."""
    return element(
        "svg",
        element("path", class_="line", d="M1 4h20"),
        class_="swatch",
        viewBox="0 0 22 8",
        aria_hidden="true",
    )


def _newest(curve: Curve) -> str:
    """The newest record and, in brackets, its trend; page.js writes others alike."""
    newest = text.number(float(curve.values[-1]))
    if curve.trend is None or not math.isfinite(curve.trend[-1]):
        return newest
    return f"{newest} ({text.number(float(curve.trend[-1]))})"


def _plot(title: str, curves: list[Curve], horizontal: Axis, vertical: Axis) -> Markup:
    newest = ", ".join(f"{curve.series.label} {_newest(curve)}" for curve in curves)
    lines = [_lines(curve, horizontal, vertical) for curve in curves]
    return element(
        "svg",
        _grid(horizontal, vertical),
        *(faint for faint, _ in lines),
        *(bold for _, bold in lines),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"{title} against step; newest: {newest}",
        data_chart=_live(curves, horizontal, vertical),
    )


def _grid(horizontal: Axis, vertical: Axis) -> Markup:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for y, label in zip(_y(vertical, vertical.ticks), vertical.labels, strict=True):
        parts.append(element("path", d=f"M{LEFT} {y:.1f}H{right}", class_="grid"))
        parts.append(
            element("text", label, x=LEFT - 7, y=f"{y:.1f}", dy="0.33em", class_="y")
        )
    for x, label in zip(
        _x(horizontal, horizontal.ticks), horizontal.labels, strict=True
    ):
        parts.append(element("path", d=f"M{x:.1f} {bottom}v4", class_="tick"))
        parts.append(element("text", label, x=f"{x:.1f}", y=HEIGHT - 6, class_="x"))
    parts.append(element("path", d=f"M{LEFT} {bottom}H{right}", class_="base"))
    return element("g", *parts, class_="axes", aria_hidden="true")


def _lines(curve: Curve, horizontal: Axis, vertical: Axis) -> tuple[Markup, Markup]:
    """What lies behind all bold lines, and the bold line."""
    x = _x(horizontal, curve.steps)
    raw = _path(x, _y(vertical, curve.values))
    classes = _classes(curve.series)
    outside = _markers(x, curve.values, vertical)
    if curve.trend is None:
        line = element("path", d=raw, class_="line")
        dots = _dots(x, _y(vertical, curve.values))
        return _band(curve, x, vertical), element(
            "g", line, dots, outside, class_=classes
        )
    faint = element("path", d=raw, class_="raw")
    line = element("path", d=_path(x, _y(vertical, curve.trend)), class_="line")
    return (
        element("g", faint, outside, class_=classes),
        element("g", line, class_=classes),
    )


def _band(curve: Curve, x: Floats, vertical: Axis) -> Markup:
    """The area between the bounds, in pieces where one is missing."""
    if curve.series.band is None:
        return join()
    low, high = (_y(vertical, bound) for bound in curve.series.band)
    places = np.flatnonzero(np.isfinite(low) & np.isfinite(high))
    outline = ""
    for piece in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1):
        upper = [f"{x[i]:.1f} {high[i]:.1f}" for i in piece]
        lower = [f"{x[i]:.1f} {low[i]:.1f}" for i in piece[::-1]]
        outline += f"M{'L'.join(upper + lower)}z" if len(piece) > 1 else ""
    area = element("path", d=outline, class_="band")
    return element("g", area, class_=_classes(curve.series)) if outline else join()


def _dots(x: Floats, y: Floats) -> Markup:
    if len(x) > _MAX_DOTS:
        return join()
    pairs = zip(x, y, strict=True)
    marks = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in pairs if math.isfinite(b))
    return element("path", d=marks, class_="dots")


def _path(x: Floats, y: Floats) -> str:
    """A polyline that breaks at missing values; a lone point is a line of no length."""
    finite = np.isfinite(y)
    parts = []
    for index in np.flatnonzero(finite):
        starts = index == 0 or not finite[index - 1]
        ends = index + 1 == len(y) or not finite[index + 1]
        parts.append(f"{'M' if starts else 'L'}{x[index]:.1f} {y[index]:.1f}")
        if starts and ends:
            parts.append("h0")
    return "".join(parts)


def _markers(x: Floats, values: Floats, vertical: Axis) -> Markup:
    """Small triangles where a recorded value lies beyond the axis."""
    above = x[values > vertical.high]
    below = x[values < vertical.low]
    bottom = HEIGHT - BOTTOM
    marks = [f"M{a - 3:.1f} {TOP + 5}l3 -5 3 5z" for a in above]
    marks += [f"M{a - 3:.1f} {bottom - 5}l3 5 3 -5z" for a in below]
    return element("path", d="".join(marks), class_="outside") if marks else join()


def _remarks(chart: Chart, vertical: Axis) -> str:
    values = np.concatenate([series.values for series in chart.series])
    steps = np.concatenate([series.steps for series in chart.series])
    remarks = []
    missing = int(np.isnan(values).sum())
    if missing:
        remarks.append(f"Gaps: {text.counted(missing, 'non-finite value')}.")
    if chart.is_log:
        lost = int((values <= 0).sum())
        if lost:
            remarks.append(f"Not on a log axis: {text.count(lost)} at or below zero.")
        return " ".join(remarks)
    outside = (values > vertical.high) | (values < vertical.low)
    if outside.any():
        middle = (vertical.low + vertical.high) / 2
        worst = int(np.argmax(np.where(outside, np.abs(values - middle), -1.0)))
        remarks.append(
            f"Beyond the axis (▲▼): {text.count(int(outside.sum()))}, the farthest "
            f"{text.number(float(values[worst]))} at step "
            f"{text.count(int(steps[worst]))}."
        )
    return " ".join(remarks)


def _live(curves: list[Curve], horizontal: Axis, vertical: Axis) -> str:
    """What page.js needs to read values off under the pointer."""
    lines = [
        {
            "kind": curve.series.kind,
            "steps": [int(step) for step in curve.steps],
            "values": _rounded(curve.values),
            "trend": None if curve.trend is None else _rounded(curve.trend),
        }
        for curve in curves
    ]
    frame = {
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "top": TOP,
        "bottom": HEIGHT - BOTTOM,
    }
    y_axis = {"low": vertical.low, "high": vertical.high, "log": vertical.is_log}
    live = {"frame": frame, "last": horizontal.high, "y": y_axis, "lines": lines}
    return json.dumps(live, separators=(",", ":"), allow_nan=False)


def _rounded(values: Floats) -> list[float | None]:
    return [float(f"{v:.4g}") if math.isfinite(v) else None for v in values.tolist()]


def _classes(series: Series) -> str:
    return f"{series.kind} dash-{series.dash}"


def _x(axis: Axis, steps: Floats | tuple[float, ...]) -> Floats:
    return LEFT + (WIDTH - RIGHT - LEFT) * fraction(axis, np.asarray(steps, float))


def _y(axis: Axis, values: Floats | tuple[float, ...]) -> Floats:
    """Vertical positions; a value beyond the axis lies on its edge."""
    values = np.asarray(values, float)
    if axis.is_log:
        values = np.where(values > 0, values, np.nan)
    share = np.clip(fraction(axis, values), 0.0, 1.0)
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share

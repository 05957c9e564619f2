"""Matplotlib figures in the style of the page, without pyplot and its global state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganjax.study.groups import Keys, group_by, label, named, words
from ganjax.study.runs import Metric, Run, curve, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Points = NDArray[Any]

# The colours of groups in page.css, as they are on light paper. The page replaces them
# by its own, and black by its ink, so that a figure reads well on dark paper too.
PALETTE = ("#0067a5", "#c64f08", "#0f7a58", "#8d3a9c", "#857000", "#3c4046")

_FONT = 9  # points


def plot(
    rows: int = 1,
    columns: int = 1,
    *,
    width: float = 4.8,
    height: float = 3.0,
    **subplots: Any,
) -> tuple[Figure, Any]:
    """A figure and its axes, to be drawn on with matplotlib's own calls.

    Args:
      rows: of axes.
      columns: of axes.
      width: of one axes in inches, 96 pixels on the page, which is 11 inches wide; a
        phone shows about 4.
      height: of one axes in inches.
      **subplots: what `matplotlib.figure.Figure.subplots` takes, such as `sharey=True`.

    Returns:
      The figure, and one `Axes` or an array of them as `subplots` returns it.
    """
    from matplotlib.figure import Figure

    with style():
        figure = Figure((columns * width, rows * height), layout="constrained")
        return figure, figure.subplots(rows, columns, **subplots)


def curves(
    runs: Sequence[Run],
    metrics: str | Mapping[str, Metric],
    *,
    by: Keys = (),
    panels: Keys = (),
    scale: str = "linear",
    width: float = 3.6,
    height: float = 2.8,
) -> tuple[Figure, list[Axes]]:
    """Metrics over training: means over seeds, in bands from the least to the greatest.

    Args:
      runs: each of which recorded the metrics.
      metrics: one by its name; or several by what the legend is to call them, each a
        name or a function of a run that gives `(steps, values)`.
      by: one or several keys of the config or functions of a run, whose values are told
        apart by lines; all runs are one group unless given.
      panels: likewise, whose values have axes of their own, side by side.
      scale: of the vertical axis, matplotlib's "linear", "log" or "symlog".
      width: of one panel in inches, as in `plot`.
      height: likewise.

    Returns:
      The figure, and its axes, to be drawn on further.

    Raises:
      KeyError: a run has no such metric.
    """
    lines: Mapping[str, Metric]
    lines = {"": metrics} if isinstance(metrics, str) else metrics
    by, panels = named(by), named(panels)
    groups = group_by(runs, *panels.values())
    figure, axes = plot(
        1, len(groups), width=width, height=height, sharey=True, squeeze=False
    )
    for ax, (panel, shown) in zip(axes[0], groups.items(), strict=True):
        for values, group in group_by(shown, *by.values()).items():
            for name, metric in lines.items():
                called = ", ".join(filter(None, (name, label(by, values))))
                steps, mean, low, high = curve(group, metric)
                (line,) = ax.plot(steps, mean, label=called)
                colour = line.get_color()
                ax.fill_between(steps, low, high, color=colour, alpha=0.15, lw=0)
        ax.set(title=label(panels, panel), xlabel="step", yscale=scale)
    first = axes[0, 0]
    if len(first.get_lines()) > 1:
        first.legend()
    if isinstance(metrics, str):
        first.set_ylabel(words(metrics.replace("/", "'s ")))
    return figure, list(axes[0])


def picture_grid(
    runs: Sequence[Run],
    name: str = "sample",
    *,
    columns: Keys,
    rows: Keys = (),
    width: float = 2.6,
    height: float = 2.6,
) -> Figure:
    """The newest picture of that name of the first run of each group, under its title.

    Args:
      runs: of which those that have no such picture are left out.
      name: of the picture, such as "sample", "reconstruction" or "interpolation".
      columns: one or several keys of the config or functions of a run, of whose values
        each has a column.
      rows: likewise; a single row unless given.
      width: of one of them in inches, as in `plot`.
      height: likewise, the title included.

    Raises:
      ValueError: no run has such a picture.
    """
    having = [run for run in runs if name in run.samples]
    if not having:
        raise ValueError(f"no run has a picture {name}")
    rows, columns = named(rows), named(columns)
    left, above = (list(group_by(having, *keys.values())) for keys in (rows, columns))
    size = {"width": width, "height": height}
    figure, axes = plot(len(left), len(above), **size, squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for row, in_row in group_by(having, *rows.values()).items():
        for column, (run, *_) in group_by(in_row, *columns.values()).items():
            title = "\n".join(filter(None, (label(columns, column), label(rows, row))))
            ax = axes[left.index(row), above.index(column)]
            _show(ax, run.samples[name][-1][1], title)
    return figure


def side_by_side(
    pictures: Mapping[str, str | Path], *, width: float = 2.6, height: float = 2.6
) -> Figure:
    """Pictures in a row, each under its title.

    Args:
      pictures: titles, and files such as those of `run.samples`; at least one.
      width: of one of them in inches, as in `plot`.
      height: likewise, the title included.
    """
    figure, axes = plot(1, len(pictures), width=width, height=height, squeeze=False)
    for ax, (title, path) in zip(axes[0], pictures.items(), strict=True):
        _show(ax, path, title)
    return figure


def _show(ax: Axes, path: str | Path, title: str) -> None:
    ax.imshow(picture(path), interpolation="none")  # an SVG then holds every pixel
    ax.axis("off")
    ax.set_title(title)


def arrows(
    ax: Axes, flow: Callable[[Points], Points], reach: float, *, across: int = 9
) -> None:
    """Draws a flow in the plane, from -reach to reach both ways, under what is drawn.

    Arrows are as long as the root of the flow's speed, so that slow ones show.

    Args:
      ax: whose limits become the plane's, with equal scales.
      flow: from points `[P, 2]` to velocities `[P, 2]`.
      reach: above 0.
      across: arrows to a side.
    """
    ticks = np.linspace(-0.9 * reach, 0.9 * reach, across)
    points = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    velocities = np.asarray(flow(points))
    speed = np.linalg.norm(velocities, axis=1, keepdims=True)
    shown = velocities / np.sqrt(np.maximum(speed, 1e-12))
    ax.quiver(*points.T, *shown.T, color="black", alpha=0.3, width=0.006)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")


def style() -> AbstractContextManager[None]:
    """Matplotlib's settings for the page; a study runs within them."""
    import matplotlib
    from cycler import cycler

    settings: dict[Any, Any] = {
        "axes.facecolor": "none",
        "axes.prop_cycle": cycler(color=PALETTE),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": _FONT + 1,
        "figure.facecolor": "none",
        "font.size": _FONT,
        "grid.alpha": 0.2,
        "grid.color": "black",
        "image.cmap": "viridis",
        "legend.frameon": False,
        "lines.linewidth": 1.5,
        "savefig.facecolor": "none",
        # Ids and clip paths depend on nothing but the figure.
        "svg.hashsalt": "ganjax",
    }
    return matplotlib.rc_context(settings)

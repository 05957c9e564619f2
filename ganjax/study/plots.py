"""Matplotlib figures in the style of the page, without pyplot and its global state."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganjax.study.runs import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
        ax.imshow(picture(path), interpolation="none")  # an SVG then holds every pixel
        ax.axis("off")
        ax.set_title(title)
    return figure


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

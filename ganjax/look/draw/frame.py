"""A plot in a frame with ticks and a legend: by matplotlib, but without pyplot."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Bounds = tuple[float, float]
Colour = tuple[int, int, int]

BROKEN: Colour = (255, 0, 255)  # what is not finite
INK = "#40444c"

_LEFT, _TOP, _RIGHT, _BOTTOM = 76, 40, 16, 34  # margins in pixels
_STYLE = {
    "axes.edgecolor": INK,
    "axes.linewidth": 1,
    "axes.unicode_minus": False,  # three times as wide as a hyphen
    "font.family": "DejaVu Sans",  # which comes with matplotlib
    "font.size": 17,  # a page shows plots at half their size
    "image.aspect": "auto",
    "image.interpolation": "none",
    "legend.borderaxespad": 0,
    "legend.borderpad": 0,
    "legend.columnspacing": 0.8,
    "legend.fontsize": 16,
    "legend.frameon": False,
    "legend.handlelength": 0.7,
    "legend.handletextpad": 0.4,
    "lines.markeredgecolor": INK,  # a light dot is seen by it
    "lines.markeredgewidth": 0.7,
    "lines.markersize": 11,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "xtick.major.width": 1,
    "ytick.color": INK,
    "ytick.major.width": 1,
}


def printable(text: str) -> str:
    """A name in one line; that of a file may have bytes that are no letters."""
    return " ".join(text.encode(errors="replace").decode().split())


def rgb(*colours: Colour) -> np.ndarray:
    """Colours as matplotlib takes them, `[N, 3]` in [0, 1]."""
    return np.array(colours) / 255


def framed(
    paint: Callable[[Axes], None],
    size: tuple[int, int],
    box: Sequence[Bounds],
    entries: Mapping[str, Colour],
    short: Sequence[str] = (),
) -> np.ndarray:
    """What `paint` draws within a box, `size` pixels in a frame.

    `entries` is the legend: texts and the colours of their dots. If there is no room
    for the texts, the `short` ones stand there.
    """
    from matplotlib import rc_context, rcParamsDefault
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    width, height = _LEFT + size[0] + _RIGHT, _TOP + size[1] + _BOTTOM
    # Whatever settings the machine or the caller has. Of 72 dots per inch a point, in
    # which matplotlib counts, is a pixel.
    settings: dict[Any, Any] = {**rcParamsDefault, **_STYLE}
    del settings["backend"]  # to set it imports pyplot
    with rc_context(settings), warnings.catch_warnings():
        # A name may have letters that the font lacks: a box stands for each.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure = Figure((width / 72, height / 72), dpi=72)
        canvas = FigureCanvasAgg(figure)
        place = _LEFT / width, _BOTTOM / height, size[0] / width, size[1] / height
        ax = figure.add_axes(place)
        paint(ax)
        ax.set(xlim=box[0], ylim=box[1])
        ax.locator_params(nbins=6, steps=[1, 2, 5, 10])
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter("{x:g}")
        dots = [
            Line2D([], [], color=colour, marker="o", linestyle="")
            for colour in rgb(*entries.values())
        ]
        legend = figure.legend(
            dots,
            list(entries),
            loc="center left",
            bbox_to_anchor=(place[0], 1 - _TOP / 2 / height),
            ncols=max(1, len(entries)),
        )
        if legend.get_window_extent(canvas.get_renderer()).width > size[0]:
            for text, shorter in zip(legend.get_texts(), short, strict=False):
                text.set_text(shorter)
        canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]

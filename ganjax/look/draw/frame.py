"""What stands around a plot: a frame, ticks and a legend."""

import math
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Bounds = tuple[float, float]
Colour = tuple[int, int, int]

BROKEN: Colour = (255, 0, 255)  # what is not finite

ENTRY_FONT = 15  # of the legend
ENTRY_ROOM = 40  # pixels of an entry of the legend besides its text

_LEFT, _TOP, _RIGHT, _BOTTOM = 46, 38, 16, 28  # margins in pixels
INK = (64, 68, 76)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def printable(text: str) -> str:
    """A name in one line; that of a file may have bytes that are no letters."""
    return " ".join(text.encode(errors="replace").decode().split())


def shorten(text: str, font: Font, width: float) -> str:
    """The beginning of a text that fits into `width` pixels.

    Dots stand for what is cut off, if more than two letters are left.
    """
    kept = text = printable(text)
    while kept and font.getlength(kept) > width:
        text = text[:-1].rstrip()
        kept = f"{text}\N{HORIZONTAL ELLIPSIS}" if len(text) > 2 else text
    return kept


def blend(plot: np.ndarray, alpha: np.ndarray, colour: Colour) -> np.ndarray:
    """Lays `colour` over `plot` `[H, W, 3]`, as thick as `alpha` `[H, W]` in [0, 1]."""
    laid, covered = plot.copy(), alpha > 0  # of a contour, few pixels
    below = plot[covered]
    laid[covered] = below + alpha[covered, None] * (np.array(colour) - below)
    return laid


def framed(
    plot: np.ndarray,
    *,
    x_bounds: Bounds,
    y_bounds: Bounds,
    entries: Mapping[str, Colour],
    scale: tuple[Bounds, np.ndarray] | None = None,
) -> np.ndarray:
    """Puts a frame with ticks around `plot`, float `[H, W, 3]` of 0 to 255.

    `entries` is the legend: texts and the colours of their dots. `scale` explains the
    background: the lowest and highest score, and the shades `[S, 3]` between them.
    """
    height, width, _ = plot.shape
    size = (_LEFT + width + _RIGHT, _TOP + height + _BOTTOM)
    picture = Image.new("RGB", size, "white")
    picture.paste(_image(plot), (_LEFT, _TOP))
    pen = ImageDraw.Draw(picture)
    right, bottom = _LEFT + width, _TOP + height
    pen.rectangle((_LEFT - 1, _TOP - 1, right, bottom), outline=INK)
    font = ImageFont.load_default(13)
    for part, text in _ticks(x_bounds):
        x = _LEFT + part * width
        pen.line((x, bottom, x, bottom + 4), fill=INK)
        pen.text((x, bottom + 8), text, INK, font, anchor="mt")
    for part, text in _ticks(y_bounds):
        y = bottom - part * height
        pen.line((_LEFT - 5, y, _LEFT - 1, y), fill=INK)
        pen.text((_LEFT - 9, y), text, INK, font, anchor="rm")
    _draw_entries(pen, entries)
    if scale is not None:
        _draw_scale(picture, pen, right, *scale)
    return np.asarray(picture)


def _draw_entries(pen: ImageDraw.ImageDraw, entries: Mapping[str, Colour]) -> None:
    font = ImageFont.load_default(ENTRY_FONT)
    x, y = _LEFT, _TOP // 2
    for text, colour in entries.items():
        pen.ellipse((x, y - 5, x + 10, y + 5), fill=colour)
        pen.text((x + 17, y), text, INK, font, anchor="lm")
        x += round(font.getlength(text)) + ENTRY_ROOM


def _draw_scale(
    picture: Image.Image,
    pen: ImageDraw.ImageDraw,
    right: int,
    bounds: Bounds,
    shades: np.ndarray,
) -> None:
    font = ImageFont.load_default(13)
    low, high = (f"{bound:.3g}" for bound in bounds)
    y, width = _TOP // 2, 72
    pen.text((right, y), high, INK, font, anchor="rm")
    x = right - round(font.getlength(high)) - 8 - width
    ramp = _image(shades[None].astype(np.float64)).resize((width, 12))
    picture.paste(ramp, (x, y - 6))
    pen.rectangle((x - 1, y - 7, x + width, y + 6), outline=INK)
    pen.text((x - 8, y), f"score  {low}", INK, font, anchor="rm")


def _ticks(bounds: Bounds) -> list[tuple[float, str]]:
    """Round numbers within `bounds`, each with its place between them in [0, 1]."""
    low, high = bounds
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = min((unit, 2 * unit, 5 * unit, 10 * unit), key=lambda s: abs(s - rough))
    first, last = math.ceil(low / step), math.floor(high / step)
    values = [step * k for k in range(first, last + 1)]
    return [((value - low) / (high - low), f"{value:g}") for value in values]


def _image(plot: np.ndarray) -> Image.Image:
    return Image.fromarray((plot + 0.5).astype(np.uint8))

"""Grids of images, by numpy and PIL. Each is uint8 `[H, W, 3]`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganjax.look.draw.frame import BROKEN, INK, Bounds, framed, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GAP = 2  # pixels between the images of a grid
_HEADLINE = 18  # pixels of the titles above its columns

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def image_grid(
    images: np.ndarray,
    *,
    columns: int | None = None,
    titles: Sequence[str] = (),
    min_size: int = 48,
) -> np.ndarray:
    """Lays images `[N, H, W, C]` in [-1, 1] out in rows, nearly square by default.

    Values beyond [-1, 1] are clipped; pixels that are not finite are magenta. One or
    two channels are shown as the first one in grey, three or more as the first three.
    Images are enlarged by the least whole factor that makes their longer side at least
    `min_size` pixels. `titles` stand above the columns, or, where they are more than
    these, each above its image, shortened to fit. Raises `ValueError` for another
    shape, or for no images.
    """
    images = np.asarray(images, np.float32)
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"images must be [N, H, W, C], not {list(images.shape)}")
    number, height, width, _ = images.shape
    columns = min(number, columns or math.ceil(math.sqrt(number * height / width)))
    rows = math.ceil(number / columns)
    scale = max(1, math.ceil(min_size / max(height, width)))
    cells = np.full(
        (rows * columns, height * scale + _GAP, width * scale + _GAP, 3), 255, np.uint8
    )
    cells[:number, _GAP:, _GAP:] = _pixels(images).repeat(scale, 1).repeat(scale, 2)
    lines = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    lines = lines.reshape(rows, cells.shape[1], columns * cells.shape[2], 3)
    lines = np.pad(lines, ((0, 0), (0, 0), (0, _GAP), (0, 0)), constant_values=255)
    parts = []
    for row, line in enumerate(lines):
        above = titles[row * columns : (row + 1) * columns]
        parts += [_headline(above, cells.shape[2], line.shape[1]), line]
    parts.append(np.full((_GAP, lines.shape[2], 3), 255, np.uint8))
    return np.concatenate(parts)


def _headline(titles: Sequence[str], width: int, whole: int) -> np.ndarray:
    """A strip of `whole` pixels, with a title each `width`; none without titles."""
    height = _HEADLINE if titles else 0
    strip = Image.new("RGB", (whole, height), "white")
    pen, font = ImageDraw.Draw(strip), ImageFont.load_default(12)
    for column, title in enumerate(titles):
        middle = _GAP + column * width + (width - _GAP) // 2
        pen.text((middle, height // 2), _shorten(title, font, width), INK, font, "mm")
    return np.asarray(strip)


def _shorten(text: str, font: _Font, width: float) -> str:
    """The beginning of a text that fits into `width` pixels.

    Dots stand for what is cut off, if more than two letters are left.
    """
    kept = text = printable(text)
    while kept and font.getlength(kept) > width:
        text = text[:-1].rstrip()
        kept = f"{text}\N{HORIZONTAL ELLIPSIS}" if len(text) > 2 else text
    return kept


def image_rows(images: np.ndarray, *, min_size: int = 48) -> np.ndarray:
    """Lays images `[R, S, H, W, C]` out in R rows of S columns, as `image_grid` does.

    Raises `ValueError` for another shape, or for no images.
    """
    images = np.asarray(images, np.float32)
    if images.ndim != 5 or 0 in images.shape:
        raise ValueError(f"images must be [R, S, H, W, C], not {list(images.shape)}")
    flat = images.reshape(-1, *images.shape[2:])
    return image_grid(flat, columns=images.shape[1], min_size=min_size)


def image_map(
    images: np.ndarray, *, box: Sequence[Bounds], min_size: int = 40
) -> np.ndarray:
    """Lays images `[N, N, H, W, C]` out where they belong in a plane, y upward.

    Rows rise and columns run as those of `field_axes(box, N)`; `box` has the bounds of
    x and of y. Pixels are as in `image_grid`. Raises `ValueError` for another shape.
    """
    images = np.asarray(images, np.float32)
    if images.ndim != 5 or 0 in images.shape or images.shape[0] != images.shape[1]:
        raise ValueError(f"images must be [N, N, H, W, C], not {list(images.shape)}")
    side, _, height, width, _ = images.shape
    scale = max(1, math.ceil(min_size / max(height, width)))
    cells = _pixels(images[::-1]).repeat(scale, 2).repeat(scale, 3)
    cells = np.pad(cells, ((0, 0), (0, 0), (0, 1), (0, 1), (0, 0)), constant_values=255)
    width, height = side * cells.shape[3], side * cells.shape[2]
    plot = cells.swapaxes(1, 2).reshape(height, width, 3)

    def paint(ax: Axes) -> None:
        ax.imshow(plot, extent=(*box[0], *box[1]))

    return framed(paint, (width, height), box, {})


def _pixels(images: np.ndarray) -> np.ndarray:
    """float `[..., C]` in [-1, 1] -> uint8 `[..., 3]`."""
    images = images[..., : 3 if images.shape[-1] >= 3 else 1]
    finite = np.isfinite(images).all(-1, keepdims=True)
    levels = np.nan_to_num(np.clip(images, -1, 1)) * 127.5 + 128
    return np.where(finite, levels, np.array(BROKEN)).astype(np.uint8)

"""Plots of points and numbers. Each is uint8 `[H, W, 3]`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ganjax.look.draw.frame import (
    BROKEN,
    Bounds,
    Colour,
    framed,
    printable,
    rgb,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Blue and orange: every kind of colour vision tells them apart.
REAL: Colour = (0, 90, 181)
FAKE: Colour = (230, 97, 0)
# Of classes, in order; neighbours differ in lightness as well.
CLASSES: tuple[Colour, ...] = (
    *((31, 119, 180), (255, 127, 14), (44, 130, 44), (214, 39, 40), (148, 103, 189)),
    *((120, 70, 55), (240, 130, 205), (110, 110, 110), (180, 180, 20), (23, 200, 215)),
)

_SIDE = 580  # pixels along a plot
_DOT = 3.6  # pixels across a point
_WIDE_DOT = 5.6  # where its colour must be told from many
_BINS = 64
_CONTOURS = 8  # steps of a field
_CONTOUR = "#7682945e"
_CURVE: Colour = (38, 42, 50)
# Of a field, from low to high.
_SHADES: tuple[Colour, ...] = ((188, 199, 216), (225, 230, 238), (255, 254, 248))


def field_axes(box: Sequence[Bounds], n: int) -> np.ndarray:
    """The centres of `n` cells along each axis of a box: float32 `[n ** D, D]`.

    `box` has the bounds of each of D axes. In two dimensions `field.reshape(n, n)` has
    y in its rows, rising from row 0, and x in its columns.
    """
    axes = [low + (high - low) * (np.arange(n) + 0.5) / n for low, high in box]
    coordinates = np.meshgrid(*axes)
    return np.stack([c.ravel() for c in coordinates], axis=1).astype(np.float32)


def scatter(
    real: np.ndarray,
    fake: np.ndarray,
    field: np.ndarray | None = None,
    *,
    bounds: Bounds,
) -> np.ndarray:
    """Draws real and generated points `[N, 2]` within `bounds` of both axes, y upward.

    `field` `[F, F]` is a score at the points of `field_axes`: a background that is the
    lighter the higher the score, with contour lines, magenta where it is not finite.
    The legend counts the points that lie outside the bounds or are not finite. Raises
    `ValueError` for another shape.
    """
    points = {"real": _columns(real, 2), "generated": _columns(fake, 2)}
    box = bounds, bounds
    entries, unit = _entries(points, bounds), None
    if field is not None:
        unit, (low, high) = _scaled(field, 2)
        entries |= {f"score {low:.3g}": _SHADES[0], f"to {high:.3g}": _SHADES[-1]}

    def paint(ax: Axes) -> None:
        if unit is not None:
            _shade(ax, unit, bounds)
        _dot(ax, list(points.values()), (REAL, FAKE), box, _DOT)

    return framed(paint, (_SIDE, _SIDE), box, entries)


def class_scatter(
    points: np.ndarray,
    label: np.ndarray | None = None,
    *,
    box: Sequence[Bounds],
    names: Sequence[str] = (),
) -> np.ndarray:
    """Draws points `[N, 2]` in the colour of their class `[N]`, y upward.

    `box` has the bounds of x and of y; points outside are left out. The legend has
    the `names` of the classes where it has room for them, else their numbers. Without
    labels, or with more classes than there are `CLASSES`, all have one colour and there
    is no legend. Raises `ValueError` for another shape.
    """
    points = _columns(points, 2)
    parts, colours, short, entries = [points], [REAL], [], {}
    if label is not None and label.max(initial=0) < len(CLASSES):
        present = np.unique(label).tolist()
        parts = [points[label == each] for each in present]
        colours = [CLASSES[each] for each in present]
        short = [str(each) for each in present]
        texts = [printable(names[each]) for each in present] if names else short
        texts = texts if len(set(texts)) == len(present) else short
        entries = dict(zip(texts, colours, strict=True))

    def paint(ax: Axes) -> None:
        _dot(ax, parts, colours, box, _WIDE_DOT)

    return framed(paint, (_SIDE, _SIDE), box, entries, short)


def histogram(
    real: np.ndarray,
    fake: np.ndarray,
    field: np.ndarray | None = None,
    *,
    bounds: Bounds,
) -> np.ndarray:
    """Draws the densities of real and generated numbers, `[N]` or `[N, 1]`.

    `field` `[F]` is a score at the points of `field_axes([bounds], F)`: a curve from
    the lowest score at the bottom to the highest at the top, which the legend tells,
    magenta where it is not finite. The legend counts the numbers that lie outside the
    bounds or are not finite; they have their part in the whole, so that the drawn area
    is then less than one. Raises `ValueError` for another shape.
    """
    values = {"real": _columns(real, 1), "generated": _columns(fake, 1)}
    heights = [_density(column, bounds) for column in values.values()]
    top = 1.08 * max(np.max(heights), 1 / (bounds[1] - bounds[0]))
    entries, curve = _entries(values, bounds), None
    if field is not None:
        curve, (low, high) = _scaled(field, 1)
        entries[f"score {low:.3g} to {high:.3g}"] = _CURVE

    def paint(ax: Axes) -> None:
        edges = np.linspace(*bounds, _BINS + 1)
        # Both areas, then both outlines; these leave out what is empty.
        for fill in (True, False):
            for height, colour in zip(heights, rgb(REAL, FAKE), strict=True):
                shown = np.where(height > 0, height, np.nan)
                look = {"alpha": 0.2} if fill else {"linewidth": 2}
                ax.stairs(shown, edges, fill=fill, color=colour, **look)
        if curve is not None:
            _trace(ax, curve, bounds, top)

    return framed(paint, (_SIDE, _SIDE * 9 // 16), (bounds, (0, top)), entries)


def _columns(points: np.ndarray, dimensions: int) -> np.ndarray:
    points = np.asarray(points, np.float64)
    if points.ndim == dimensions == 1:
        points = points[:, None]
    if points.ndim != 2 or points.shape[1] != dimensions:
        raise ValueError(f"points must be [N, {dimensions}], not {list(points.shape)}")
    return points


def _inside(points: np.ndarray, box: Sequence[Bounds]) -> np.ndarray:
    low, high = np.transpose(box)
    return np.all((points >= low) & (points <= high), axis=1)


def _entries(points: dict[str, np.ndarray], bounds: Bounds) -> dict[str, Colour]:
    entries = {}
    for (name, values), colour in zip(points.items(), (REAL, FAKE), strict=True):
        count = (~_inside(values, [bounds] * values.shape[1])).sum()
        entries[f"{name} ({count} outside)" if count else name] = colour
    return entries


def _dot(
    ax: Axes,
    parts: Sequence[np.ndarray],
    colours: Sequence[Colour],
    box: Sequence[Bounds],
    width: float,
) -> None:
    """Draws the points `[N, 2]` of each part in its colour, `width` pixels wide.

    They are laid down in a mixed order, so that none hides the others.
    """
    inside = [points[_inside(points, box)] for points in parts]
    hues = rgb(*colours).repeat([len(points) for points in inside], axis=0)
    order = np.random.default_rng(0).permutation(len(hues))
    x, y = np.concatenate(inside)[order].T
    ax.scatter(x, y, width**2, hues[order], alpha=0.9, linewidths=0)


def _scaled(field: np.ndarray, dimensions: int) -> tuple[np.ma.MaskedArray, Bounds]:
    """A field from 0 to 1 where it is finite, masked elsewhere, and its bounds."""
    known = np.ma.masked_invalid(np.asarray(field, np.float64))
    if known.ndim != dimensions or len({0, *known.shape}) != 2:
        axes = ", ".join("F" * dimensions)
        raise ValueError(f"a field must be [{axes}], not {list(known.shape)}")
    low, high = (known.min(), known.max()) if known.count() else (0.0, 0.0)
    return (known - low) / ((high - low) or 1.0), (float(low), float(high))


def _shade(ax: Axes, unit: np.ma.MaskedArray, bounds: Bounds) -> None:
    """Draws a field as a background with contours."""
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("score", rgb(*_SHADES))
    broken = rgb(BROKEN)[0]
    place: dict[str, Any] = {"extent": (*bounds, *bounds), "origin": "lower"}
    ax.imshow(unit, shades.with_extremes(bad=broken), vmin=0, vmax=1, **place)
    if unit.any():
        levels = np.arange(1, _CONTOURS) / _CONTOURS
        ax.contour(unit, levels, colors=_CONTOUR, linewidths=1.2, zorder=1, **place)


def _trace(ax: Axes, unit: np.ma.MaskedArray, bounds: Bounds, top: float) -> None:
    """Draws a field as a curve from the bottom to the top."""
    x = field_axes([bounds], unit.size)[:, 0]
    # The whole width of the line stays inside.
    ax.plot(x, top * (0.005 + 0.99 * unit), color=rgb(_CURVE)[0], linewidth=2)
    cover = np.zeros((1, unit.size, 4))
    cover[0, np.ma.getmaskarray(unit)] = *rgb(BROKEN)[0], 1
    ax.imshow(cover, extent=(*bounds, 0, top), zorder=2)


def _density(column: np.ndarray, bounds: Bounds) -> np.ndarray:
    inside = column[_inside(column, [bounds])]
    counts, _ = np.histogram(inside, _BINS, bounds)
    return counts / max(len(column), 1) * _BINS / (bounds[1] - bounds[0])

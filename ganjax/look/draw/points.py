"""Plots of points and numbers, by numpy and PIL only. Each is uint8 `[H, W, 3]`."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganjax.look.draw.frame import (
    BROKEN,
    ENTRY_FONT,
    ENTRY_ROOM,
    Bounds,
    Colour,
    blend,
    framed,
    printable,
)

# Blue and orange: every kind of colour vision tells them apart.
REAL: Colour = (0, 90, 181)
FAKE: Colour = (230, 97, 0)
# Of classes, in order; neighbours differ in lightness as well.
CLASSES: tuple[Colour, ...] = (
    *((31, 119, 180), (255, 127, 14), (44, 130, 44), (214, 39, 40), (148, 103, 189)),
    *((120, 70, 55), (240, 130, 205), (110, 110, 110), (180, 180, 20), (23, 200, 215)),
)

_SIDE = 580  # pixels along a plot
_FINE = 3  # shapes are drawn so many times larger and then averaged
_RADIUS = 1.7  # of a point, in pixels
_WIDE_RADIUS = 2.6  # where its colour must be told from many
_OPACITY = 0.9  # of a point
_BINS = 64
_CONTOURS = 8  # steps of a field
_CONTOUR = (118, 130, 148)
_CURVE: Colour = (38, 42, 50)
_SHADES = np.array([(188, 199, 216), (225, 230, 238), (255, 254, 248)])  # low to high


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
    plot, scale = np.full((_SIDE, _SIDE, 3), 255.0), None
    if field is not None:
        plot, limits = _shaded(np.asarray(field, np.float64))
        scale = limits, _SHADES
    parts, box = list(points.values()), (bounds, bounds)
    plot = _dotted(plot, parts, (REAL, FAKE), box, _RADIUS)
    entries = _entries(points, bounds)
    return framed(plot, x_bounds=bounds, y_bounds=bounds, entries=entries, scale=scale)


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
    if label is None or label.max(initial=0) >= len(CLASSES):
        parts, colours, entries = [points], [REAL], {}
    else:
        present = np.unique(label).tolist()
        parts = [points[label == each] for each in present]
        colours = [CLASSES[each] for each in present]
        entries = dict(zip(_fitting_names(present, names), colours, strict=True))
    blank = np.full((_SIDE, _SIDE, 3), 255.0)
    plot = _dotted(blank, parts, colours, box, _WIDE_RADIUS)
    x_bounds, y_bounds = box
    return framed(plot, x_bounds=x_bounds, y_bounds=y_bounds, entries=entries)


def _fitting_names(present: Sequence[int], names: Sequence[str]) -> list[str]:
    """The names of classes where the legend has room for all, else their numbers."""
    font = ImageFont.load_default(ENTRY_FONT)
    texts = [printable(names[each]) for each in present] if names else []
    width = sum(font.getlength(text) + ENTRY_ROOM for text in texts)
    fits = len(set(texts)) == len(present) and width <= _SIDE
    return texts if fits else [str(each) for each in present]


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
    densities = [_density(column, bounds) for column in values.values()]
    top = 1.08 * max(np.max(densities), 1 / (bounds[1] - bounds[0]))
    shapes = [_steps(density / top) for density in densities]
    plot = np.full((*shapes[0][0].shape, 3), 255.0)
    for strength, layer in ((0.2, 0), (1.0, 1)):  # both areas, then both outlines
        for shape, colour in zip(shapes, (REAL, FAKE), strict=True):
            plot = blend(plot, strength * shape[layer], colour)
    entries = _entries(values, bounds)
    if field is not None:
        plot, (low, high) = _curved(plot, np.asarray(field, np.float64))
        entries[f"score {low:.3g} to {high:.3g}"] = _CURVE
    return framed(plot, x_bounds=bounds, y_bounds=(0.0, top), entries=entries)


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
    counts = [
        int((~_inside(values, [bounds] * values.shape[1])).sum())
        for values in points.values()
    ]
    texts = [
        f"{name} ({count} outside)" if count else name
        for name, count in zip(points, counts, strict=True)
    ]
    return dict(zip(texts, (REAL, FAKE), strict=True))


def _averaged(fine: Image.Image, value: int) -> np.ndarray:
    """The part of each pixel that `value` covers, `[H, W]` in [0, 1]."""
    width, height = fine.size[0] // _FINE, fine.size[1] // _FINE
    blocks = np.asarray(fine).reshape(height, _FINE, width, _FINE)
    return (blocks == value).mean((1, 3))


def _dotted(
    plot: np.ndarray,
    parts: Sequence[np.ndarray],
    colours: Sequence[Colour],
    box: Sequence[Bounds],
    radius: float,
) -> np.ndarray:
    """Draws the points `[N, 2]` of each part in its colour over a plot.

    They are laid down in a mixed order, so that none hides the others.
    """
    inside = [points[_inside(points, box)] for points in parts]
    owner = np.repeat(np.arange(len(inside)) + 1, [len(points) for points in inside])
    order = np.random.default_rng(0).permutation(len(owner))
    low, high = np.transpose(box)
    places = (np.concatenate(inside) - low) / (high - low)
    side, radius = _SIDE * _FINE, radius * _FINE
    fine = Image.new("L", (side, side))
    pen = ImageDraw.Draw(fine)
    for owned, (x, y) in zip(owner[order], places[order] * side, strict=True):
        circle = (x - radius, side - y - radius, x + radius, side - y + radius)
        pen.ellipse(circle, fill=int(owned))
    for index, colour in enumerate(colours):
        plot = blend(plot, _OPACITY * _averaged(fine, index + 1), colour)
    return plot


def _scaled(field: np.ndarray) -> tuple[np.ndarray, np.ndarray, Bounds]:
    """A field from 0 to 1, where it is finite, and its lowest and highest value."""
    finite = np.isfinite(field)
    known = field[finite] if finite.any() else np.zeros(1)
    low, high = float(known.min()), float(known.max())
    return np.where(finite, field - low, 0) / ((high - low) or 1.0), finite, (low, high)


def _shaded(field: np.ndarray) -> tuple[np.ndarray, Bounds]:
    """A field as a background `[side, side, 3]`, and its lowest and highest value."""
    if field.ndim != 2 or field.size == 0:
        raise ValueError(f"a field must be [F, F], not {list(field.shape)}")
    unit, finite, limits = _scaled(field)
    smooth = Image.fromarray(unit[::-1].astype(np.float32))
    size = (_SIDE, _SIDE)
    values = np.asarray(smooth.resize(size, Image.Resampling.BICUBIC), np.float64)
    stops = np.linspace(0, 1, len(_SHADES))
    channels = [np.interp(values, stops, shade) for shade in _SHADES.T]
    plot = np.stack(channels, axis=-1)
    slope = np.hypot(*np.gradient(values))
    for level in np.arange(1, _CONTOURS) / _CONTOURS:
        distance = np.abs(values - level) / np.maximum(slope, 1e-4)
        plot = blend(plot, 0.45 * np.clip(1.1 - distance, 0, 1), _CONTOUR)
    broken = Image.fromarray(~finite[::-1]).resize(size, Image.Resampling.NEAREST)
    return blend(plot, np.asarray(broken, np.float64), BROKEN), limits


def _curved(plot: np.ndarray, field: np.ndarray) -> tuple[np.ndarray, Bounds]:
    """A field as a curve over a plot, and its lowest and highest value."""
    if field.ndim != 1 or field.size == 0:
        raise ValueError(f"a field must be [F], not {list(field.shape)}")
    unit, finite, limits = _scaled(field)
    height, width, _ = plot.shape
    fine = Image.new("L", (width * _FINE, height * _FINE))
    # The whole width of the line stays inside.
    x = (np.arange(field.size) + 0.5) / field.size * fine.width
    y = _FINE + (fine.height - 2 * _FINE) * (1 - unit)
    if finite.any():
        corners = np.stack([x, y], axis=1)[finite].ravel().tolist()
        ImageDraw.Draw(fine).line(corners, fill=1, width=2 * _FINE, joint="curve")
    plot = blend(plot, _averaged(fine, 1), _CURVE)
    broken = Image.fromarray(~finite[None])
    covered = broken.resize((width, height), Image.Resampling.NEAREST)
    return blend(plot, np.asarray(covered, np.float64), BROKEN), limits


def _density(column: np.ndarray, bounds: Bounds) -> np.ndarray:
    inside = column[_inside(column, [bounds])]
    counts, _ = np.histogram(inside, _BINS, bounds)
    return counts / max(len(column), 1) * _BINS / (bounds[1] - bounds[0])


def _steps(heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Area and outline of bars with `heights` in [0, 1], as parts of pixels covered."""
    width, height = _SIDE * _FINE, _SIDE * 9 // 16 * _FINE
    x = np.linspace(0, width, len(heights) + 1).repeat(2)
    tops = np.pad(heights.repeat(2), 1)
    # The outline of an empty bin goes below the picture.
    y = np.where(tops > 0, height * (1 - tops), height + 2 * _FINE)
    corners = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    area, outline = (Image.new("L", (width, height)) for _ in range(2))
    ImageDraw.Draw(area).polygon(corners, fill=1)
    ImageDraw.Draw(outline).line(corners, fill=1, width=2 * _FINE)
    return _averaged(area, 1), _averaged(outline, 1)

"""Pictures from arrays, by numpy and PIL only. Each is uint8 `[H, W, 3]`."""

import io
import math

import numpy as np
from PIL import Image, ImageDraw

from ganjax.figure import Bounds, Colour, blend, framed

# Blue and orange: every kind of colour vision tells them apart.
REAL: Colour = (0, 90, 181)
FAKE: Colour = (230, 97, 0)
BROKEN: Colour = (255, 0, 255)  # what is not finite

_GAP = 2  # pixels between the images of a grid
_SIDE = 580  # pixels along a plot
_FINE = 3  # shapes are drawn so many times larger and then averaged
_RADIUS = 1.7  # of a point, in pixels
_OPACITY = 0.9  # of a point
_BINS = 64
_CONTOURS = 8  # steps of a field
_CONTOUR = (118, 130, 148)
_CURVE: Colour = (38, 42, 50)
_SHADES = np.array([(188, 199, 216), (225, 230, 238), (255, 254, 248)])  # low to high


def png_bytes(pixels: np.ndarray) -> bytes:
    """Encodes uint8 `[H, W, 3]`, `[H, W, 1]` or `[H, W]` as a PNG file.

    Raises `ValueError` for any other array.
    """
    pixels = np.asarray(pixels)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    colour = pixels.ndim == 3 and pixels.shape[2] == 3
    if pixels.dtype != np.uint8 or not (colour or pixels.ndim == 2):
        raise ValueError(
            "a picture must be uint8 [H, W, 3], [H, W, 1] or [H, W], "
            f"not {pixels.dtype} {list(pixels.shape)}"
        )
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def image_grid(
    images: np.ndarray, *, columns: int | None = None, min_size: int = 48
) -> np.ndarray:
    """Lays images `[N, H, W, C]` in [-1, 1] out in rows, nearly square by default.

    Values beyond [-1, 1] are clipped; pixels that are not finite are magenta. One or
    two channels are shown as the first one in grey, three or more as the first three.
    Images are enlarged by the least whole factor that makes their longer side at least
    `min_size` pixels. Raises `ValueError` for another shape, or for no images.
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
    grid = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    grid = grid.reshape(rows * cells.shape[1], columns * cells.shape[2], 3)
    return np.pad(grid, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255)


def image_rows(images: np.ndarray, *, min_size: int = 48) -> np.ndarray:
    """Lays images `[R, S, H, W, C]` out in R rows of S columns, as `image_grid` does.

    Raises `ValueError` for another shape, or for no images.
    """
    images = np.asarray(images, np.float32)
    if images.ndim != 5 or 0 in images.shape:
        raise ValueError(f"images must be [R, S, H, W, C], not {list(images.shape)}")
    flat = images.reshape(-1, *images.shape[2:])
    return image_grid(flat, columns=images.shape[1], min_size=min_size)


def field_axes(bounds: Bounds, n: int, dimensions: int = 2) -> np.ndarray:
    """Where to take a field: float32 `[n ** dimensions, dimensions]`, cells' centres.

    In two dimensions `field.reshape(n, n)` has y in its rows, rising from row 0, and x
    in its columns.
    """
    low, high = bounds
    axis = low + (high - low) * (np.arange(n) + 0.5) / n
    coordinates = np.meshgrid(*[axis] * dimensions)
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
    covered = _coverage(points["real"], points["generated"], bounds)
    for alpha, colour in zip(covered, (REAL, FAKE), strict=True):
        plot = blend(plot, _OPACITY * alpha, colour)
    entries = _entries(points, bounds)
    return framed(plot, x_bounds=bounds, y_bounds=bounds, entries=entries, scale=scale)


def histogram(
    real: np.ndarray,
    fake: np.ndarray,
    field: np.ndarray | None = None,
    *,
    bounds: Bounds,
) -> np.ndarray:
    """Draws the densities of real and generated numbers, `[N]` or `[N, 1]`.

    `field` `[F]` is a score at the points of `field_axes(bounds, F, 1)`: a curve from
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


def _pixels(images: np.ndarray) -> np.ndarray:
    """float `[..., C]` in [-1, 1] -> uint8 `[..., 3]`."""
    images = images[..., : 3 if images.shape[-1] >= 3 else 1]
    finite = np.isfinite(images).all(-1, keepdims=True)
    levels = np.nan_to_num(np.clip(images, -1, 1)) * 127.5 + 128
    return np.where(finite, levels, np.array(BROKEN)).astype(np.uint8)


def _columns(points: np.ndarray, dimensions: int) -> np.ndarray:
    points = np.asarray(points, np.float64)
    if points.ndim == dimensions == 1:
        points = points[:, None]
    if points.ndim != 2 or points.shape[1] != dimensions:
        raise ValueError(f"points must be [N, {dimensions}], not {list(points.shape)}")
    return points


def _inside(points: np.ndarray, bounds: Bounds) -> np.ndarray:
    return np.all((points >= bounds[0]) & (points <= bounds[1]), axis=1)


def _entries(points: dict[str, np.ndarray], bounds: Bounds) -> dict[str, Colour]:
    counts = [int((~_inside(values, bounds)).sum()) for values in points.values()]
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


def _coverage(real: np.ndarray, fake: np.ndarray, bounds: Bounds) -> list[np.ndarray]:
    """The part of each pixel that real, and that generated points cover.

    They are laid down in a mixed order, so that neither hides the other.
    """
    low, high = bounds
    real, fake = real[_inside(real, bounds)], fake[_inside(fake, bounds)]
    owner = np.repeat([1, 2], [len(real), len(fake)])
    order = np.random.default_rng(0).permutation(len(owner))
    places = (np.concatenate([real, fake]) - low) / (high - low)
    side, radius = _SIDE * _FINE, _RADIUS * _FINE
    fine = Image.new("L", (side, side))
    pen = ImageDraw.Draw(fine)
    for owned, (x, y) in zip(owner[order], places[order] * side, strict=True):
        box = (x - radius, side - y - radius, x + radius, side - y + radius)
        pen.ellipse(box, fill=int(owned))
    return [_averaged(fine, 1), _averaged(fine, 2)]


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
    inside = column[_inside(column, bounds)]
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

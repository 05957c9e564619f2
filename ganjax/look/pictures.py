"""What a state looks like: pictures by name, of the probes that its game has."""

import math
from typing import Any

import jax
import numpy as np

from ganjax.look import draw
from ganjax.look.draw import Bounds
from ganjax.look.evaluate import Evaluator
from ganjax.state import TrainState
from ganjax.types import Batch

Pictures = dict[str, np.ndarray]

_POINTS = 1_000  # of each kind in a scatter plot or histogram
_FIELD = 128  # points per axis of the discriminator's field
_ROWS = 8  # of images that lead from one to another
_COLUMNS = 16  # of a class each, at most
_MAP = 15  # images along each axis of a map of latents
_OUTER = 1.0  # percent of latents beyond either end of an axis of their map


def draw_pictures(evaluator: Evaluator, state: TrainState, examples: int) -> Pictures:
    """Pictures uint8 `[H, W, 3]` by name, of `examples` images or of points.

    Of points `scatter` or `histogram`, where the game makes samples. Of images, where
    the game has the probe: `sample`; `nearest`, each sample beside the training image
    nearest to it; `reconstruction`, each beside its original; `interpolation` and
    `chain`, a row for each; and of latents in the plane `codes`, where images are
    encoded, by class, and, unless the generator is told a class, in the same frame
    `map`, what is decoded where. Of anything else nothing.
    """
    shape = evaluator.example_shape
    if len(shape) == 3 and shape[2] in (1, 3):
        return _image_pictures(evaluator, state, examples)
    is_plane = shape in ((1,), (2,)) and "sample" in evaluator.probes
    return _point_pictures(evaluator, state) if is_plane else {}


def _point_pictures(evaluator: Evaluator, state: TrainState) -> Pictures:
    real, fake = evaluator.real(_POINTS), evaluator.probe("sample", state, _POINTS)
    # A lone point at 0 has no reach of its own.
    reach = 1.25 * float(np.abs(real).max()) or 2.0
    bounds = (-reach, reach)
    field = _field(evaluator, state, bounds)
    if evaluator.example_shape == (1,):
        return {"histogram": draw.histogram(real, fake, field, bounds=bounds)}
    return {"scatter": draw.scatter(real, fake, field, bounds=bounds)}


def _field(
    evaluator: Evaluator, state: TrainState, bounds: Bounds
) -> np.ndarray | None:
    """The score at points within bounds, an axis for each dimension, if any."""
    if "score" not in evaluator.probes:
        return None
    dimensions = evaluator.example_shape[0]
    points = draw.field_axes([bounds] * dimensions, _FIELD)
    field = evaluator.probe("score", state, len(points), real=points)
    return field.reshape([_FIELD] * dimensions)


def _image_pictures(evaluator: Evaluator, state: TrainState, count: int) -> Pictures:
    """Of one column per class, under its name, where the generator is told a class.

    Where these are too many for columns, of one image per class.
    """
    columns, titles = None, []
    given: dict[str, Any] = {}
    if classes := evaluator.setup.classes:
        titles = list(evaluator.setup.source.class_names)
        titles = titles or [str(label) for label in range(classes)]
        if classes > _COLUMNS:
            count = min(classes, count)
            titles = titles[:count]
        else:
            columns, count = classes, -(-count // classes) * classes
        given = {"label": np.arange(max(count, _ROWS)) % classes}
    pictures = {}
    if "sample" in evaluator.probes:
        samples = evaluator.probe("sample", state, count, **given)
        pictures["sample"] = draw.image_grid(samples, columns=columns, titles=titles)
        if evaluator.setup.nearest:
            pictures["nearest"] = _pairs(samples, evaluator.setup.nearest(samples))
    for name in ("interpolation", "chain"):
        if name in evaluator.probes:
            rows = evaluator.probe(name, state, _ROWS, **given)
            pictures[name] = draw.image_rows(rows)
    if "reconstruction" in evaluator.probes:
        batch = _first(evaluator.examples_to_judge(count), count)
        made = evaluator.probe_batch("reconstruction", state, batch)
        pictures["reconstruction"] = _pairs(np.asarray(batch.real), made)
    if "decode" in evaluator.probes:
        pictures |= _latent_pictures(evaluator, state)
    return pictures


def _pairs(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """A nearly square grid of pairs of an image and its counterpart."""
    both = np.stack([images, others], axis=1).reshape(-1, *images.shape[1:])
    across = math.ceil(math.sqrt(len(images) / 2))
    return draw.image_grid(both, columns=2 * across)


def _latent_pictures(evaluator: Evaluator, state: TrainState) -> Pictures:
    """A map of the latents, and where codes lie on it, if latents lie in the plane."""
    pictures: Pictures = {}
    batch = None
    if "encode" in evaluator.probes:
        batch = _first(evaluator.examples_to_judge(_POINTS), _POINTS)
        latents = evaluator.probe_batch("encode", state, batch)
    else:
        latents = evaluator.probe("latents", state, _POINTS)
    finite = latents[np.isfinite(latents).all(axis=1)].astype(np.float64)
    if latents.shape[1] != 2 or not len(finite):
        return {}
    low, high = np.percentile(finite, [_OUTER, 100 - _OUTER], axis=0)
    # Codes that keep nothing of their images are all one point.
    low, high = low - 1e-3, high + 1e-3
    box = list(zip(low.tolist(), high.tolist(), strict=True))
    if not evaluator.setup.classes:
        grid = draw.field_axes(box, _MAP)
        made = evaluator.probe("decode", state, len(grid), latents=grid)
        images = made.reshape(_MAP, _MAP, *made.shape[1:])
        pictures["map"] = draw.image_map(images, box=box)
    if batch is not None:
        label = None if batch.label is None else np.asarray(batch.label)
        names = evaluator.setup.source.class_names
        pictures["codes"] = draw.class_scatter(latents, label, box=box, names=names)
    return pictures


def _first(batch: Batch, count: int) -> Batch:
    return jax.tree.map(lambda values: values[:count], batch)

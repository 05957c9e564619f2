"""What a state is worth: its probes, pictures and metrics, drawn with fixed keys."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax import Array

from ganjax import draw
from ganjax.build import Experiment
from ganjax.figure import Bounds
from ganjax.keys import Purpose, example_keys, purpose_key
from ganjax.metrics import (
    classification_error,
    likelihood_bounds,
    reconstruction_quality,
)
from ganjax.state import TrainState, averaged_variables
from ganjax.types import Batch, Outcome, Tree, Variables

_CHUNK = 500  # examples per call of a probe, so that memory does not grow with N
_POINTS = 1_000  # of each kind in a scatter plot or histogram
_FIELD = 128  # points per axis of the discriminator's field
_ROWS = 8  # of images that lead from one to another
_PAIRS = 4  # of an original and its reconstruction in a row


def _chunks(count: int) -> Iterator[np.ndarray]:
    """Indices of `count` examples, a few at a time.

    The last chunk is filled up: another length would compile once more.
    """
    for start in range(0, count, _CHUNK):
        yield np.arange(start, start + min(_CHUNK, count)).clip(max=count - 1)


class Evaluator:
    """Looks at states of an experiment, with averaged parameters where there are any.

    Every look uses the same latents and the same real examples, so that two pictures
    differ by their states alone.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._parts = experiment.parts
        self._probes = self._parts.game.probes
        self._arrays = jax.device_put(experiment.source.arrays)
        self._real = jax.jit(self._draw)
        self._probe = jax.jit(self._run, static_argnums=0)
        example = jax.eval_shape(self._draw, self._arrays, np.arange(1)).real
        self._example_shape = example.shape[1:]

    def _draw(self, arrays: Tree, index: Array) -> Batch:
        key = purpose_key(self._experiment.seed, Purpose.PROBE)
        return self._experiment.source.batch(arrays, key, 0, 1, index)

    def _run(
        self,
        name: str,
        variables: dict[str, Variables],
        arrays: Tree,
        index: Array,
        given: dict[str, Array],
    ) -> Array:
        batch = self._draw(arrays, index)._replace(**given)
        key = purpose_key(self._experiment.seed, Purpose.PROBE)
        return self._probes[name](variables, batch, example_keys(key, 0, 0, index))

    @property
    def makes_samples(self) -> bool:
        """Whether there is something to sample."""
        return "sample" in self._probes

    def real(self, count: int) -> np.ndarray:
        """Real examples `[count, ...]`."""
        return np.asarray(self._batch(count).real)

    def _batch(self, count: int) -> Batch:
        chunks = [self._real(self._arrays, index) for index in _chunks(count)]
        whole = jax.tree.map(lambda *x: np.concatenate(x), *jax.device_get(chunks))
        return jax.tree.map(lambda values: values[:count], whole)

    def probe(
        self, name: str, state: TrainState, count: int, **given: np.ndarray
    ) -> np.ndarray:
        """A probe's output `[count, ...]`; `given` replaces fields of real batches."""
        variables = averaged_variables(state)
        outputs = []
        for index in _chunks(count):
            rows = {field: values[index] for field, values in given.items()}
            outputs.append(self._probe(name, variables, self._arrays, index, rows))
        return np.concatenate(jax.device_get(outputs))[:count]

    def metrics(self, state: TrainState, count: int) -> dict[str, float]:
        """Metrics of `count` samples and as many real examples, and of a test split.

        Where there is none, codes are measured of the real examples.
        """
        measured = self._sampled(state, count) if self.makes_samples else {}
        if "classify" in self._probes and (test := self._experiment.test):
            predicted = self._seen("classify", state, test)
            measured |= classification_error(predicted, np.asarray(test.label))
        if "reconstruction" in self._probes:
            batch = self._unseen(count)
            made = self._seen("reconstruction", state, batch)
            measured |= reconstruction_quality(np.asarray(batch.real), made)
        if "log_weights" in self._probes:
            weights = self._seen("log_weights", state, self._unseen(count))
            measured |= likelihood_bounds(weights)
        return measured

    def _unseen(self, count: int) -> Batch:
        """The whole test split where there is one, else `count` real examples."""
        return self._experiment.test or self._batch(count)

    def _seen(self, name: str, state: TrainState, batch: Batch) -> np.ndarray:
        """A probe's output of each of a batch."""
        given = {
            field: np.asarray(values)
            for field, values in batch._asdict().items()
            if values is not None
        }
        return self.probe(name, state, len(batch.real), **given)

    def _sampled(self, state: TrainState, count: int) -> dict[str, float]:
        samples = self.probe("sample", state, count)
        measured: dict[str, Any] = dict(self._experiment.quality(samples))
        if "score" in self._probes:
            outcome = Outcome(
                real_score=self.probe("score", state, count, real=self.real(count)),
                fake_score=self.probe("score", state, count, real=samples),
            )
            for monitor in self._parts.monitors.values():
                measured |= monitor(outcome)
        return {name: float(value) for name, value in measured.items()}

    def pictures(self, state: TrainState, examples: int) -> dict[str, np.ndarray]:
        """Pictures uint8 `[H, W, 3]` by name: grids of images, or a plot of points.

        Of points there are none where the game makes no samples.
        """
        if len(self._example_shape) == 3:
            return self._image_pictures(state, examples)
        if not self.makes_samples:
            return {}
        real, fake = self.real(_POINTS), self.probe("sample", state, _POINTS)
        # A lone point at 0 has no reach of its own.
        reach = 1.25 * float(np.abs(real).max()) or 2.0
        bounds = (-reach, reach)
        field = self._field(state, bounds)
        if self._example_shape == (1,):
            return {"histogram": draw.histogram(real, fake, field, bounds=bounds)}
        return {"scatter": draw.scatter(real, fake, field, bounds=bounds)}

    def _field(self, state: TrainState, bounds: Bounds) -> np.ndarray | None:
        """The score at points within bounds, an axis for each dimension, if any."""
        if "score" not in self._probes:
            return None
        axes = draw.field_axes(bounds, _FIELD, *self._example_shape)
        field = self.probe("score", state, len(axes), real=axes)
        return field.reshape([_FIELD] * axes.shape[1])

    def _image_pictures(self, state: TrainState, count: int) -> dict[str, np.ndarray]:
        """A grid, of one column per class where the generator is told a class."""
        columns, given = None, {}
        if classes := self._experiment.classes:
            columns, count = classes, -(-count // classes) * classes
            given = {"label": np.arange(max(count, _ROWS)) % classes}
        pictures = {}
        if self.makes_samples:
            samples = self.probe("sample", state, count, **given)
            pictures["sample"] = draw.image_grid(samples, columns=columns)
        for name in ("interpolation", "chain"):
            if name in self._probes:
                rows = self.probe(name, state, _ROWS, **given)
                pictures[name] = draw.image_rows(rows)
        if "reconstruction" in self._probes:
            pictures["reconstruction"] = self._reconstructions(state, count)
        return pictures

    def _reconstructions(self, state: TrainState, count: int) -> np.ndarray:
        """Pairs of an original and its reconstruction, four in a row."""
        batch = jax.tree.map(lambda values: values[:count], self._unseen(count))
        made = self._seen("reconstruction", state, batch)
        pairs = np.stack([batch.real, made], axis=1).reshape(-1, *made.shape[1:])
        return draw.image_grid(pairs, columns=2 * _PAIRS)

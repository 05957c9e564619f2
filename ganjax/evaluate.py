"""What a state is worth: its probes, pictures and metrics, drawn with fixed keys."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax import Array

from ganjax import draw
from ganjax.build import Experiment
from ganjax.keys import Purpose, example_keys, purpose_key
from ganjax.metrics import classification_error
from ganjax.state import TrainState, averaged_variables
from ganjax.types import Batch, Outcome, Tree, Variables

_CHUNK = 500  # examples per call of a probe, so that memory does not grow with N
_POINTS = 1_000  # of each kind in a scatter plot or histogram
_FIELD = 128  # points per axis of the discriminator's field
_INTERPOLATIONS = 8  # rows


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
        return self._parts.game.probes[name](
            variables, batch, example_keys(key, 0, 0, index)
        )

    @property
    def makes_samples(self) -> bool:
        """Whether there is something to sample."""
        return "sample" in self._parts.game.probes

    def real(self, count: int) -> np.ndarray:
        """Real examples `[count, ...]`."""
        chunks = [self._real(self._arrays, index).real for index in _chunks(count)]
        return np.concatenate(jax.device_get(chunks))[:count]

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
        """Metrics of `count` samples and as many real examples, and of a test split."""
        measured = self._sampled(state, count) if self.makes_samples else {}
        test = self._experiment.test
        if test is not None:
            real, label = np.asarray(test.real), np.asarray(test.label)
            predicted = self.probe("classify", state, len(label), real=real)
            measured |= classification_error(predicted, label)
        return measured

    def _sampled(self, state: TrainState, count: int) -> dict[str, float]:
        samples = self.probe("sample", state, count)
        outcome = Outcome(
            real_score=self.probe("score", state, count, real=self.real(count)),
            fake_score=self.probe("score", state, count, real=samples),
        )
        measured: dict[str, Any] = dict(self._experiment.quality(samples))
        for monitor in self._parts.monitors.values():
            measured |= monitor(outcome)
        return {name: float(value) for name, value in measured.items()}

    def pictures(self, state: TrainState, examples: int) -> dict[str, np.ndarray]:
        """Pictures uint8 `[H, W, 3]` by name: grids of images, or a plot of points.

        There are none where the game makes no samples.
        """
        if not self.makes_samples:
            return {}
        if len(self._example_shape) == 3:
            return self._image_pictures(state, examples)
        real, fake = self.real(_POINTS), self.probe("sample", state, _POINTS)
        # A lone point at 0 has no reach of its own.
        reach = 1.25 * float(np.abs(real).max()) or 2.0
        bounds = (-reach, reach)
        axes = draw.field_axes(bounds, _FIELD, *self._example_shape)
        field = self.probe("score", state, len(axes), real=axes)
        if self._example_shape == (1,):
            return {"histogram": draw.histogram(real, fake, field, bounds=bounds)}
        square = field.reshape(_FIELD, _FIELD)
        return {"scatter": draw.scatter(real, fake, square, bounds=bounds)}

    def _image_pictures(self, state: TrainState, count: int) -> dict[str, np.ndarray]:
        """A grid, of one column per class where the generator is told a class."""
        columns, given = None, {}
        if classes := self._experiment.classes:
            columns, count = classes, -(-count // classes) * classes
            given = {"label": np.arange(max(count, _INTERPOLATIONS)) % classes}
        samples = self.probe("sample", state, count, **given)
        rows = self.probe("interpolation", state, _INTERPOLATIONS, **given)
        return {
            "sample": draw.image_grid(samples, columns=columns),
            "interpolation": draw.image_rows(rows),
        }

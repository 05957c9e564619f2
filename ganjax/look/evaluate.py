"""What a state is worth: its probes and metrics, drawn with fixed keys."""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import Array

from ganjax.build import Experiment
from ganjax.keys import Purpose, example_keys, purpose_key
from ganjax.metrics import (
    classification_error,
    likelihood_bounds,
    reconstruction_quality,
)
from ganjax.state import TrainState, averaged_variables
from ganjax.types import Batch, Outcome, Terms, Tree, Variables

_CHUNK = 500  # examples per call of a probe, so that memory does not grow with N


def _chunks(count: int) -> Iterator[np.ndarray]:
    """Indices of `count` examples, a few at a time.

    The last chunk is filled up: another length would compile once more.
    """
    for start in range(0, count, _CHUNK):
        yield np.arange(start, start + min(_CHUNK, count)).clip(max=count - 1)


class Evaluator:
    """Looks at states of an experiment, with averaged parameters where there are any.

    Every look uses the same latents and the same real examples, so that two of them
    differ by their states alone. `probes` are the game's, by name; `not_finite` names
    those whose outputs held NaN or infinity so far.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self._parts = experiment.parts
        self.probes = self._parts.game.probes
        self.not_finite: set[str] = set()
        self._arrays = jax.device_put(experiment.source.arrays)
        self._real = jax.jit(self._draw)
        self._probe = jax.jit(self._run, static_argnums=0)

    def _draw(self, arrays: Tree, index: Array) -> Batch:
        key = purpose_key(self.experiment.seed, Purpose.PROBE)
        return self.experiment.source.batch(arrays, key, 0, 1, index)

    def _run(
        self,
        name: str,
        variables: dict[str, Variables],
        arrays: Tree,
        index: Array,
        given: dict[str, Array],
    ) -> Array:
        batch = self._draw(arrays, index)._replace(**given)
        key = purpose_key(self.experiment.seed, Purpose.PROBE)
        return self.probes[name](variables, batch, example_keys(key, 0, 0, index))

    @property
    def example_shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return jax.eval_shape(self._draw, self._arrays, np.arange(1)).real.shape[1:]

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
        whole = np.concatenate(jax.device_get(outputs))[:count]
        if not np.isfinite(whole).all():
            self.not_finite.add(name)
        return whole

    def metrics(self, state: TrainState, count: int) -> dict[str, float]:
        """Metrics of `count` samples and as many real examples, and of a test split.

        Where there is none, codes are measured of the real examples. A metric of
        anything that is not finite is NaN.
        """
        measured = self._sampled(state, count) if "sample" in self.probes else {}
        if "classify" in self.probes and (test := self.experiment.test):
            label = np.asarray(test.label)
            measured |= _measure(
                lambda logits: classification_error(logits.argmax(axis=1), label),
                self.probe_batch("classify", state, test),
            )
        if "reconstruction" in self.probes:
            batch = self.examples_to_judge(count)
            made = self.probe_batch("reconstruction", state, batch)
            quality = partial(reconstruction_quality, np.asarray(batch.real))
            measured |= _measure(quality, made)
        if "log_weights" in self.probes:
            batch = self.examples_to_judge(count)
            weights = self.probe_batch("log_weights", state, batch)
            measured |= _measure(likelihood_bounds, weights)
        return measured

    def examples_to_judge(self, count: int) -> Batch:
        """The whole test split of the experiment, else `count` of its real examples."""
        return self.experiment.test or self._batch(count)

    def probe_batch(self, name: str, state: TrainState, batch: Batch) -> np.ndarray:
        """A probe's output `[N, ...]` of a given batch of N examples."""
        given = {
            field: np.asarray(values)
            for field, values in batch._asdict().items()
            if values is not None
        }
        return self.probe(name, state, len(batch.real), **given)

    def _sampled(self, state: TrainState, count: int) -> dict[str, float]:
        samples = self.probe("sample", state, count)
        measured = _measure(self.experiment.quality, samples)
        if "score" in self.probes:
            real = self.probe("score", state, count, real=self.real(count))
            fake = self.probe("score", state, count, real=samples)
            for monitor in self._parts.monitors.values():
                measured |= _measure(partial(_monitored, monitor), real, fake)
        return measured


def _monitored(
    monitor: Callable[[Outcome], Terms], real: np.ndarray, fake: np.ndarray
) -> Terms:
    return monitor(Outcome(real_score=real, fake_score=fake))


def _measure(
    measures: Callable[..., Mapping[str, Any]], *arrays: np.ndarray
) -> dict[str, float]:
    """What is measured of arrays; NaN each where one of them is not finite.

    What NaN or infinity does to a measure is chance: an error, or a wrong number.
    """
    if all(np.isfinite(array).all() for array in arrays):
        return {name: float(x) for name, x in measures(*arrays).items()}
    names = measures(*map(np.zeros_like, arrays))
    return dict.fromkeys(names, math.nan)

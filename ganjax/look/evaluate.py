"""What a state is worth: its probes and measures, by fixed keys."""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import jax
import numpy as np
from jax import Array

from ganjax.build import Setup
from ganjax.keys import Purpose, example_keys, purpose_key
from ganjax.state import TrainState, averaged_variables
from ganjax.types import Batch, Tree, Variables

_CHUNK = 500  # examples per call of a probe, so that memory does not grow with N


def _chunks(count: int) -> Iterator[np.ndarray]:
    """Indices of `count` examples, a few at a time.

    The last chunk is filled up: another length would compile once more.
    """
    for start in range(0, count, _CHUNK):
        yield np.arange(start, start + min(_CHUNK, count)).clip(max=count - 1)


class Evaluator:
    """Looks at states of a run, with averaged parameters where there are any.

    Every look uses the same latents and the same real examples, so that two of them
    differ by their states alone. `probes` are the game's, by name; `not_finite` names
    those whose outputs held NaN or infinity so far.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._parts = setup.parts
        self.probes = self._parts.game.probes
        self.not_finite: set[str] = set()
        self._arrays = jax.device_put(setup.source.arrays)
        self._real = jax.jit(self._take)
        self._probe = jax.jit(self._run, static_argnums=0)

    def _take(self, arrays: Tree, index: Array) -> Batch:
        key = purpose_key(self.setup.seed, Purpose.PROBE)
        return self.setup.source.batch(arrays, key, 0, 1, index)

    def _run(
        self,
        name: str,
        variables: dict[str, Variables],
        arrays: Tree,
        index: Array,
        given: dict[str, Array],
    ) -> Array:
        batch = self._take(arrays, index)._replace(**given)
        key = purpose_key(self.setup.seed, Purpose.PROBE)
        return self.probes[name](variables, batch, example_keys(key, 0, 0, index))

    @property
    def example_shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return jax.eval_shape(self._take, self._arrays, np.arange(1)).real.shape[1:]

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

    def trace(self, name: str, state: TrainState) -> None:
        """Traces a probe of a state's shapes, as `probe` would, and runs nothing."""
        variables = averaged_variables(state)
        run = partial(self._run, name)
        jax.eval_shape(run, variables, self._arrays, np.arange(2), {})

    def measure(self, state: TrainState, count: int) -> dict[str, float]:
        """The numbers of all measures whose arrays there are.

        A number of anything that is not finite is NaN. Arrays are:

        - `sample`: `count` samples; `real`: as many real examples; `distinct`: as many,
          none twice; `density`: of a mixture, what it is;
        - `real_score`, `fake_score`, of `real` and `sample`; `threshold`: the score
          above which the discriminator says "real", or None;
        - `log_probability`, of each class, and `label`: of the test split;
        - `reconstruction` of `judged`: the test split, or `count` real examples; and
          their `log_weights`.
        """
        arrays = self._arrays_to_measure(state, count)
        measured: dict[str, float] = {}
        for measure in self.setup.measures.values():
            if all(name in arrays for name in measure.reads):
                read = [arrays[name]() for name in measure.reads]
                measured |= _measure(measure.value, *read)
        return measured

    def _arrays_to_measure(
        self, state: TrainState, count: int
    ) -> dict[str, Callable[[], Any]]:
        """What measures may read, by name, each made when it is first asked for."""
        setup, test = self.setup, self.setup.test

        @cache
        def real() -> np.ndarray:
            return self.real(count)

        @cache
        def sample() -> np.ndarray:
            return self.probe("sample", state, count)

        @cache
        def judged() -> Batch:
            return self.examples_to_judge(count)

        def made(name: str) -> np.ndarray:
            return self.probe_batch(name, state, judged())

        arrays: dict[str, Callable[[], Any]] = {"real": real}
        if "density" in setup.known:
            arrays["density"] = lambda: setup.source.arrays
        if setup.distinct is not None:
            arrays["distinct"] = lambda: setup.distinct
        if "sample" in self.probes:
            arrays["sample"] = sample
            if "score" in self.probes:
                score = partial(self.probe, "score", state, count)
                arrays["real_score"] = lambda: score(real=real())
                arrays["fake_score"] = lambda: score(real=sample())
                arrays["threshold"] = lambda: self._parts.objective.threshold
        if "classify" in self.probes and test is not None:
            arrays["label"] = lambda: np.asarray(test.label)
            arrays["log_probability"] = partial(
                self.probe_batch, "classify", state, test
            )
        for name in ("reconstruction", "log_weights"):
            if name in self.probes:
                arrays[name] = partial(made, name)
                arrays["judged"] = lambda: np.asarray(judged().real)
        return arrays

    def examples_to_judge(self, count: int) -> Batch:
        """The test split of the run or, without one, `count` of its real examples."""
        return self.setup.test or self._batch(count)

    def probe_batch(self, name: str, state: TrainState, batch: Batch) -> np.ndarray:
        """A probe's output `[N, ...]` of a given batch of N examples."""
        given = {
            field: np.asarray(values)
            for field, values in batch._asdict().items()
            if values is not None
        }
        return self.probe(name, state, len(batch.real), **given)


def _measure(value: Callable[..., Mapping[str, Any]], *read: Any) -> dict[str, float]:
    """The numbers of a measure; all are NaN where an array is not finite.

    What NaN or infinity does to a measure is chance: an error, or a wrong number.
    """
    arrays = [x for x in read if isinstance(x, np.ndarray)]
    if all(np.isfinite(array).all() for array in arrays):
        return {name: float(x) for name, x in value(*read).items()}
    blank = [np.zeros_like(x) if isinstance(x, np.ndarray) else x for x in read]
    return dict.fromkeys(value(*blank), math.nan)

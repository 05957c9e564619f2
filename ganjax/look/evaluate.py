"""What a state is worth: its probes and measures, by fixed keys."""

import math
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from functools import cache, partial
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.interpreters.partial_eval import dce_jaxpr

from ganjax.build import Setup
from ganjax.keys import Purpose, example_keys, purpose_key
from ganjax.optim import unscheduled
from ganjax.state import TrainState, averaged_variables
from ganjax.types import Batch, Tree, Variables

# Examples per call of a probe: the most, so that memory does not grow with N, and some
# smaller ones, so that any N is one of a few programs.
_SIZES = (8, 64, 160, 500)


def _chunks(count: int) -> Iterator[np.ndarray]:
    """Indices of `count` examples, a few at a time.

    The last chunk is filled up from the first example on: another length would compile
    once more.
    """
    size = next((size for size in _SIZES if size >= count), _SIZES[-1])
    for start in range(0, count, size):
        yield np.arange(start, start + size) % count


class Evaluator:
    """Looks at states of a run, with averaged parameters where there are any.

    Every look uses the same latents and the same real examples, so that two of them
    differ by their states alone. `probes` are the game's, by name; `not_finite` names
    those whose outputs held NaN or infinity so far.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.probes = setup.parts.game.probes
        self.not_finite: set[str] = set()
        self._read: dict[Any, set[str]] = {}  # what `fields_read` found
        self._arrays = jax.device_put(setup.source.arrays)
        self._real = jax.jit(self._take)
        self._probe = jax.jit(self._run, static_argnums=0)

    def like(self, setup: Setup) -> Self:
        """Looks at a run that differs in its seed and its numbers alone.

        It compiles nothing that was compiled for this one.
        """
        other = copy(self)
        other.setup, other.not_finite = setup, set()
        other.probes = setup.parts.game.probes
        return other

    def _take(self, arrays: Tree, seed: Array, index: Array) -> Batch:
        key = purpose_key(seed, Purpose.PROBE)
        return self.setup.source.batch(arrays, key, 0, 1, index)

    def _run(
        self,
        name: str,
        numbers: Tree,
        variables: dict[str, Variables],
        arrays: Tree,
        seed: Array,
        index: Array,
        given: dict[str, Array],
    ) -> Array:
        batch = self._take(arrays, seed, index)._replace(**given)
        key = purpose_key(seed, Purpose.PROBE)
        probes = self.setup.make_parts(None)(numbers).game.probes
        return probes[name](variables, batch, example_keys(key, 0, 0, index))

    @property
    def example_shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        take, seed, index = self._take, self.setup.seed, np.arange(1)
        return jax.eval_shape(take, self._arrays, seed, index).real.shape[1:]

    def real(self, count: int) -> np.ndarray:
        """Real examples `[count, ...]`."""
        return np.asarray(self.batch(count).real)

    def batch(self, count: int) -> Batch:
        """Real examples, and what is known of them, `count` rows."""
        seed = np.uint32(self.setup.seed)
        chunks = [self._real(self._arrays, seed, index) for index in _chunks(count)]
        whole = jax.tree.map(lambda *x: np.concatenate(x), *jax.device_get(chunks))
        return jax.tree.map(lambda values: values[:count], whole)

    def probe(
        self,
        name: str,
        state: TrainState,
        count: int,
        *,
        seed: int | None = None,
        **given: np.ndarray,
    ) -> np.ndarray:
        """A probe's output `[count, ...]`.

        Args:
          name: of the probe.
          state: that is looked at.
          count: how many rows.
          seed: of latents and real examples, the run's unless given.
          **given: fields of a `Batch`, `[count, ...]`, in place of those of real
            batches.
        """
        numbers, variables = unscheduled(self.setup.numbers), averaged_variables(state)
        number = np.uint32(self.setup.seed if seed is None else seed)
        outputs = []
        for index in _chunks(count):
            rows = {field: values[index] for field, values in given.items()}
            outputs.append(
                self._probe(name, numbers, variables, self._arrays, number, index, rows)
            )
        whole = np.concatenate(jax.device_get(outputs))[:count]
        if not np.isfinite(whole).all():
            self.not_finite.add(name)
        return whole

    def shape_of(self, name: str, state: TrainState, **given: Any) -> tuple[int, ...]:
        """The shape of a row of what a probe makes; it is traced and nothing is run.

        Args:
          name: of the probe.
          state: or what has its shapes.
          **given: as of `probe`, arrays or what has their shapes, two rows each.
        """
        variables = averaged_variables(state)
        run = partial(self._run, name, unscheduled(self.setup.numbers))
        rest = (self._arrays, self.setup.seed, np.arange(2), given)
        return jax.eval_shape(run, variables, *rest).shape[1:]

    def fields_read(self, name: str, state: TrainState, **given: Any) -> set[str]:
        """Which fields of a batch a probe reads, of those given and of the data's.

        Args:
          name: of the probe.
          state: or what has its shapes.
          **given: as of `shape_of`.
        """
        key = (name, *((field, x.shape) for field, x in sorted(given.items())))
        if key in self._read:
            return self._read[key]
        seed, index = self.setup.seed, jnp.arange(2)
        variables = averaged_variables(state)
        taken = jax.eval_shape(self._take, self._arrays, seed, index)
        fields = {n: x for n, x in taken._asdict().items() if x is not None} | given

        def run(fields: dict[str, Array], variables: dict[str, Variables]) -> Array:
            keys = example_keys(purpose_key(seed, Purpose.PROBE), 0, 0, index)
            return self.probes[name](variables, Batch(**fields), keys)

        jaxpr = jax.make_jaxpr(run)(fields, variables).jaxpr
        _, used = dce_jaxpr(jaxpr, [True])
        # The leaves of a dict are in the order of its keys.
        named = zip(sorted(fields), used, strict=False)
        self._read[key] = {field for field, is_used in named if is_used}
        return self._read[key]

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
                arrays["threshold"] = lambda: self.setup.parts.objective.threshold
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
        return self.setup.test or self.batch(count)

    def probe_batch(self, name: str, state: TrainState, batch: Batch) -> np.ndarray:
        """A probe's output `[N, ...]` of a given batch of N examples."""
        given: dict[str, Any] = {
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

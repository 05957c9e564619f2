"""What a penalty on the discriminator must hold to, whoever wrote it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import Part, arguments, builder_of, keys_of
from ganjax.testing.check import (
    Check,
    Declared,
    check_slope,
    check_traced,
    close,
    expect,
    numbers_of,
    section_of,
)

# Real and generated examples x of the hand value, and the slope of the score
# w x. Its norm is 5, and the scores are 25 and 4, and of generated ones 50 and 8.
REAL_EXAMPLES = np.array([[3.0, 4.0], [0.0, 1.0]], np.float32)
FAKE_EXAMPLES = np.array([[6.0, 8.0], [0.0, 2.0]], np.float32)
SLOPE = np.array([3.0, 4.0], np.float32)


def penalty_checks(
    part: Part,
    *,
    keys: Mapping[str, Any] | None = None,
    linear: float | None = None,
    random: bool | None = None,
    widens: bool = True,
) -> list[Check]:
    """What a penalty R is asked, a function of score D, examples and random keys.

    - hand_value: R of D(x) = 3 x_1 + 4 x_2 at `REAL_EXAMPLES` and `FAKE_EXAMPLES`, with
      the slope (3, 4) everywhere, is the value `linear`.
    - float32_scalar: R is a float32 scalar.
    - half_precision: R of float16 and bfloat16 examples is that of the same in float32.
    - no_examples: a batch of 0 examples raises `ValueError`.
    - weight: R of twice the `weight` is twice R, where it has that key.
    - order: R stays when examples, labels and random keys are moved together.
    - random_keys: R stays with the same keys; if it is `random`, and not with others,
      and if it is not, without any.
    - labels: D is told labels `[B]`, and they matter.
    - axes: R of images is that of the same numbers in a row, for a D of slope 3.
    - flat_score: at D = 0 R is finite, and so are first and second derivatives in D's
      parameters.
    - derivatives: first and second ones in D's parameters are differences, in float64.
    - devices: the mean of R over two devices is R of the batch, each with its examples'
      keys.
    - traced: numbers may be arguments of a compiled function, and each one matters.

    Args:
      part: the row.
      keys: values of its keys, at which numbers make a difference; the others have
        their defaults.
      linear: the hand value.
      random: whether it draws from the random keys, if that is to be asked.
      widens: False leaves out half_precision and no_examples, which penalties written
        with `ganjax.precision` hold to.
    """
    section = section_of(BUILT_IN, part, keys)
    return _Penalty(part, section, linear, random, widens).checks()


def _quadratic(examples: Array, label: Array | None) -> Array:
    """The score |x|^2 / 2, of gradient x."""
    return 0.5 * jnp.sum(examples**2, axis=range(1, examples.ndim))


def _labelled(examples: Array, label: Array | None) -> Array:
    if label is None or label.shape != examples.shape[:1]:
        found = None if label is None else list(label.shape)
        raise AssertionError(
            f"the score of {len(examples)} examples is asked with the labels {found}; "
            "give it real_label or fake_label of the outcome"
        )
    return label * examples.reshape(len(examples), -1)[:, 0]


def _outcome(real: Any, fake: Any) -> Declared:
    label = np.arange(1, 1 + len(real), dtype=np.int32)
    return Declared(
        real=jnp.asarray(real),
        fake=jnp.asarray(fake),
        real_label=jnp.asarray(label),
        fake_label=jnp.asarray(label + 2),
    )


def _random_keys(count: int, seed: int = 0) -> Array:
    return jax.random.split(jax.random.key(seed), count)


def _known_outcome() -> Declared:
    return _outcome(REAL_EXAMPLES, FAKE_EXAMPLES)


def _random_outcome() -> Declared:
    return _outcome(*np.random.default_rng(0).normal(scale=2.0, size=(2, 4, 2)))


@dataclass
class _Penalty:
    part: Part
    section: Mapping[str, Any]
    linear: float | None
    random: bool | None
    widens: bool

    def checks(self) -> list[Check]:
        """All that applies."""
        asked: list[Callable[[], None]] = []
        if self.linear is not None:
            asked.append(self.hand_value)
        asked.append(self.float32_scalar)
        if self.widens:
            asked += [self.half_precision, self.no_examples]
        if "weight" in self.part.keys:
            asked.append(self.weight)
        asked += [self.order, self.random_keys, self.labels, self.axes]
        asked += [self.flat_score, self.derivatives, self.devices]
        if self.numbers:
            asked.append(self.traced)
        where = f"penalty {self.part.name}"
        return [Check(where, ask.__name__, "", ask) for ask in asked]

    @property
    def numbers(self) -> dict[str, float]:
        """Its floats."""
        return numbers_of(BUILT_IN, self.part, self.section)

    def function(self, axis_name: str | None = None, **changes: Any) -> Any:
        """The penalty of score, outcome and random keys."""
        takes = {"axis_name": axis_name} if "axis_name" in self.part.takes else {}
        keywords = arguments(BUILT_IN, self.part, {**self.section, **changes})
        return partial(builder_of(self.part), **keywords, **takes)

    def value(
        self,
        score_fn: Any,
        outcome: Declared,
        seed: int = 0,
        axis_name: str | None = None,
        **changes: Any,
    ) -> Array:
        """The penalty, with a random key for each example."""
        keys = _random_keys(len(outcome.real), seed)  # type: ignore[arg-type]
        return self.function(axis_name, **changes)(score_fn, outcome, keys)

    def hand_value(self) -> None:
        outcome = _known_outcome()
        found = self.value(lambda examples, label: examples @ SLOPE, outcome)
        close(found, self.linear, "found by hand")

    def float32_scalar(self) -> None:
        found = self.value(_quadratic, _known_outcome())
        shape, dtype = list(jnp.shape(found)), jnp.result_type(found)
        words = f"must be a float32 scalar, and is {dtype} {shape}"
        expect((shape, dtype) == ([], jnp.float32), words)

    def half_precision(self) -> None:
        # Gradients of 300 and more, whose squares float16 does not hold.
        outcome = _outcome(100 * REAL_EXAMPLES, 100 * FAKE_EXAMPLES)
        for dtype in (jnp.float16, jnp.bfloat16):
            half = outcome._replace(
                real=jnp.asarray(outcome.real, dtype),
                fake=jnp.asarray(outcome.fake, dtype),
            )
            wide = half._replace(
                real=jnp.asarray(half.real, jnp.float32),
                fake=jnp.asarray(half.fake, jnp.float32),
            )
            found, expected = (self.value(_quadratic, x) for x in (half, wide))
            name = jnp.dtype(dtype).name
            words = f"of {name} examples it is {found.dtype}, and must be float32"
            expect(found.dtype == jnp.float32, f"{words}; see ganjax.precision")
            expect(np.isfinite(found), f"of {name} examples around 500 it is {found}")
            what = f"of {name} examples, which are to be widened first"
            close(found, expected, what, 0.0, 0.0)

    def no_examples(self) -> None:
        outcome = _outcome(REAL_EXAMPLES[:0], FAKE_EXAMPLES[:0])
        try:
            found = self.value(_quadratic, outcome)
        except Exception as error:
            words = "a batch of 0 examples"
            expect(words in str(error), f"{words} ends in {error!r}")
            return
        raise AssertionError(
            f"of a batch of 0 examples it is {found}, and is to be refused; "
            "ganjax.precision.mean does so"
        )

    def weight(self) -> None:
        outcome, weight = _known_outcome(), self.section["weight"]
        single = self.value(_quadratic, outcome)
        expect(single != 0, "is 0; give keys at which it is not")
        double = self.value(_quadratic, outcome, weight=2 * weight)
        close(double, 2 * single, "of twice the weight")

    def order(self) -> None:
        outcome, order = _random_outcome(), np.array([2, 0, 3, 1])
        other = Declared(
            **{
                field: getattr(outcome, field)[order]
                for field in ("real", "fake", "real_label", "fake_label")
            }
        )
        penalize, keys = self.function(), _random_keys(4)
        found = penalize(_quadratic, other, keys[order])
        what = "of examples, labels and keys in another order"
        close(found, penalize(_quadratic, outcome, keys), what)

    def random_keys(self) -> None:
        outcome = _known_outcome()
        one, same, other = (self.value(_quadratic, outcome, seed) for seed in (0, 0, 1))
        close(same, one, "with the same keys again", 0.0, 0.0)
        if self.random is True:
            expect(other != one, f"is {one} whatever the keys, and random is True")
        if self.random is False:
            without = self.function()(_quadratic, outcome, None)
            close((other, without), (one, one), "with other keys, or none", 0.0, 0.0)

    def labels(self) -> None:
        outcome = _known_outcome()
        names = ("real_label", "fake_label")
        other = outcome._replace(**{x: getattr(outcome, x) + 3 for x in names})
        one, two = (self.value(_labelled, x) for x in (outcome, other))
        expect(one != two, f"is {one} whatever the labels")

    def axes(self) -> None:
        rng = np.random.default_rng(0)
        images = rng.normal(size=(2, 5, 2, 2, 3)).astype(np.float32)

        def score_fn(examples: Array, label: Array | None) -> Array:
            return 3.0 * examples.reshape(len(examples), -1).sum(axis=1)

        flat = images.reshape(2, 5, 12)
        found, expected = (self.value(score_fn, _outcome(*x)) for x in (images, flat))
        close(found, expected, "of images [2, 2, 3], and of the same numbers [12]")

    def flat_score(self) -> None:
        outcome = _known_outcome()

        def value(weights: Array) -> Array:
            return self.value(lambda examples, label: examples @ weights, outcome)

        derivatives = jax.jit(
            lambda x: (value(x), jax.grad(value)(x), jax.hessian(value)(x))
        )
        names = ("value", "gradient", "second derivatives")
        for name, found in zip(names, derivatives(jnp.zeros(2)), strict=True):
            words = f"the {name} at a score of 0 everywhere: {np.asarray(found)}"
            expect(np.isfinite(found).all(), f"{words}; is it a root of 0?")

    def derivatives(self) -> None:
        rng = np.random.default_rng(0)
        hidden, output = 2 * rng.normal(size=(2, 3)), 2 * rng.normal(size=3)
        real, fake = rng.normal(size=(2, 4, 2))

        def value(hidden: Array, output: Array) -> Array:
            def score_fn(examples: Array, label: Array | None) -> Array:
                return jnp.tanh(examples @ hidden) @ output

            return self.value(score_fn, _outcome(real, fake))

        check_slope(value, hidden, output, twice=True)

    def devices(self) -> None:
        whole, keys = _random_outcome(), _random_keys(4)
        shards = jax.tree.map(
            lambda x: x.reshape(2, 2, *x.shape[1:]), (tuple(whole), keys)
        )

        def of_shard(fields: Any, keys: Array) -> Array:
            return self.function("devices")(_quadratic, Declared(*fields), keys)

        found = jax.jit(jax.vmap(of_shard, axis_name="devices"))(*shards).mean()
        what = "mean over two devices; a mean of the whole batch is over axis_name"
        close(found, self.function()(_quadratic, whole, keys), what)

    def traced(self) -> None:
        outcome = _known_outcome()
        check_traced(
            lambda numbers: self.value(_quadratic, outcome, **numbers),
            self.numbers,
            keys_of(BUILT_IN, self.part),
        )

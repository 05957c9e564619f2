"""What an objective must hold to, whoever wrote it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import Catalogue, Part, keys_of, make
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
from ganjax.types import Objective

# The scores of hand values, exact in half precision: real examples r and fakes s.
REAL = np.array([2.0, 0.5, -1.0, 1.5])
FAKE = np.array([-0.5, 1.0, -2.0, 0.0])

Reference = Callable[[np.ndarray, np.ndarray], Any]


def random_scores(*shape: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Real and fake scores, float64: most within 6, on both sides of each margin."""
    real, fake = np.random.default_rng(seed).normal(scale=3.0, size=(2, *shape))
    return real + 1.0, fake


def _column(scores: Array) -> Array:
    return scores.reshape(-1, 1)


def _constant(scores: Array, value: float) -> Array:
    return jnp.full((len(scores), 1), value)


def _logits(scores: Array) -> Array:
    return jnp.stack([scores / 2, 0 * scores], axis=-1)


def _label(scores: Array) -> Array:
    return jnp.zeros(scores.shape, jnp.int32)


_FIELDS: dict[str, Callable[[Array, Array], Any]] = {
    "real": lambda r, s: _constant(r, -0.5),
    "fake": lambda r, s: _constant(s, 0.5),
    "real_score": lambda r, s: r,
    "fake_score": lambda r, s: s,
    "real_logits": lambda r, s: _logits(r),
    "fake_logits": lambda r, s: _logits(s),
    "real_features": lambda r, s: (_column(r),),
    "fake_features": lambda r, s: (_column(s),),
    "real_label": lambda r, s: _label(r),
    "fake_label": lambda r, s: _label(s),
    "is_labelled": lambda r, s: jnp.ones(r.shape, bool),
    "mean": lambda r, s: _column(r),
    "log_var": lambda r, s: jnp.tanh(_column(s)),
    "reconstruction": lambda r, s: _column(s),
    "reconstruction_logits": lambda r, s: _column(s),
    "reconstruction_score": lambda r, s: s,
    "reconstruction_features": lambda r, s: (_column(s),),
}


_REALS = {"real_score", "real_logits"}
_FAKES = {"fake_score", "fake_logits"}


def outcome_of(reads: Iterable[str], real: Any, fake: Any) -> Declared:
    """An outcome of these fields, made of scores: real ones r, `[B]`, fake ones s.

    Its two classes have the logits x / 2 and 0 at the score x, every label is the first
    of them, all are labelled, the only feature is the score, and an example, of one
    number, is -1/2 where it is real and 1/2 where it is fake. A reconstruction is s and
    has the score s; the posterior is of mean r and log variance tanh s; a real example
    that is reconstructed is tanh r.
    """
    r, s = jnp.asarray(real), jnp.asarray(fake)
    made = {name: _FIELDS[name](r, s) for name in reads}
    if "real" in made and {"reconstruction", "reconstruction_logits"} & set(made):
        made["real"] = jnp.tanh(_column(r))
    return Declared(**made)


def objective_checks(
    part: Part,
    *,
    keys: Mapping[str, Any] | None = None,
    reference: Reference | None = None,
    paired: Iterable[str] = (),
    rises: Iterable[str] | None = None,
    sizes: Iterable[float] = (50.0, 1e4),
    widens: bool = True,
    catalogue: Catalogue = BUILT_IN,
    **values: float,
) -> list[Check]:
    """What an objective is asked, each player's loss L(r, s) of real and fake scores.

    Every field that the row reads is made of the scores, as `outcome_of` says.

    - players: it has a loss for each player of the row, and no other.
    - hand_value: L(`REAL`, `FAKE`) is the value given by the player's name.
    - equals_reference: L is the reference to 1e-13 in float64.
    - float32_scalar: L is a float32 scalar, of float32 and of bfloat16 scores.
    - half_precision: L and its gradient of float16 and bfloat16 scores are those of the
      same scores in float32.
    - no_examples: a batch of 0 examples raises `ValueError`.
    - patches: L of scores `[B, H]` is that of the same scores `[B H]`.
    - compiled: L under jit and vmap is L.
    - derivatives: forward and reverse ones are differences, in float64.
    - large_scores: at scores of the `sizes` and both signs L is the reference, or L in
      float64, and its gradient is finite.
    - signs: dL/dr < 0 and dL/ds > 0 of the discriminator at scores of 0, dL/ds < 0 of
      the generator.
    - order: L stays when real and fake examples are moved together, and also when they
      are moved apart, but for `paired` players.
    - numbers_of_examples: L(r, s) = L(r, (s, s)), but for `paired` players.
    - devices: the mean of L over two devices is L of the batch.
    - fields: each field that the row reads makes a difference, no other is read.
    - traced: numbers may be arguments of a compiled function, and each one matters.

    Args:
      part: the row.
      keys: values of its keys, at which numbers make a difference; the others have
        their defaults.
      reference: (r, s) in float64 NumPy -> the losses of the row's players in order.
      paired: the players whose loss compares examples by index.
      rises: the players whose `signs` are asked; else discriminator and generator, if
        the row reads scores or logits of fakes.
      sizes: of large scores.
      widens: False leaves out half_precision, no_examples and bfloat16, which losses
        written with `ganjax.precision` hold to.
      catalogue: where there are parts that a key chooses.
      **values: the hand values of some players.
    """
    unknown = {*values, *paired, *(rises or ())} - set(part.players)
    if unknown:
        raise ValueError(
            f"objective {part.name}: no player {', '.join(sorted(unknown))}; "
            f"it has {', '.join(part.players)}"
        )
    if rises is None:
        scored = ("discriminator", "generator") if _FAKES & set(part.reads) else ()
        rises = [player for player in scored if player in part.players]
    return _Objective(
        part,
        section=section_of(catalogue, part, keys),
        reference=reference,
        paired=tuple(paired),
        rises=tuple(rises),
        sizes=tuple(sizes),
        widens=widens,
        catalogue=(*catalogue, part),
        values=values,
    ).checks()


@dataclass
class _Objective:
    part: Part
    section: Mapping[str, Any]
    reference: Reference | None
    paired: tuple[str, ...]
    rises: tuple[str, ...]
    sizes: tuple[float, ...]
    widens: bool
    catalogue: Catalogue
    values: Mapping[str, float]
    compiled_for: dict[str, Any] = field(default_factory=dict)

    def checks(self) -> list[Check]:
        """All that applies."""
        where = f"objective {self.part.name}"
        found = [Check(where, "players", "", self.players)]
        of_each = [
            *([self.equals_reference] if self.reference else []),
            self.float32_scalar,
            *([self.half_precision, self.no_examples] if self.widens else []),
            *(self.patches, self.compiled, self.derivatives, self.large_scores),
            *(self.order, self.devices),
        ]
        for player in self.part.players:
            asked = [self.hand_value] if player in self.values else []
            asked += of_each
            asked += [self.signs] if player in self.rises else []
            asked += [] if player in self.paired else [self.numbers_of_examples]
            found += [
                Check(where, x.__name__, player, partial(x, player)) for x in asked
            ]
        found.append(Check(where, "fields", "", self.fields))
        if self.numbers:
            found.append(Check(where, "traced", "", self.traced))
        return found

    @property
    def numbers(self) -> dict[str, float]:
        """Its floats."""
        return numbers_of(self.catalogue, self.part, self.section)

    def make(self, axis_name: str | None = None, **changes: Any) -> Objective:
        """The objective, over a device axis if it takes one."""
        takes = {"axis_name": axis_name} if "axis_name" in self.part.takes else {}
        values = {**self.section, **changes, **takes}
        return make(self.catalogue, "objective", self.part.name, **values)

    def outcome(self, real: Any, fake: Any) -> Declared:
        """What the objective reads, made of scores."""
        return outcome_of(self.part.reads, real, fake)

    def loss(self, player: str, axis_name: str | None = None) -> Callable[..., Any]:
        """`(real, fake) -> scalar`, the sum of the player's terms."""
        terms_of = self.make(axis_name).losses[player]

        def loss(real: Any, fake: Any) -> Any:
            terms = terms_of(self.outcome(real, fake))
            for name, value in terms.items():
                shape = jnp.shape(value)
                expect(shape == (), f"{name} is {list(shape)}, and must be a scalar")
            return sum(terms.values())

        return loss

    def exact(self, player: str, real: np.ndarray, fake: np.ndarray) -> Any:
        """The loss by the reference, or as it is itself in float64."""
        if self.reference:
            return self.reference(real, fake)[self.part.players.index(player)]
        with jax.enable_x64(True):
            return np.asarray(self.loss(player)(real, fake))

    def players(self) -> None:
        made = set(self.make().losses)
        expected = set(self.part.players)
        expect(made == expected, f"has losses of {made}, and its row says {expected}")

    def hand_value(self, player: str) -> None:
        close(self.loss(player)(REAL, FAKE), self.values[player], "found by hand")

    def equals_reference(self, player: str) -> None:
        real, fake = random_scores(64)
        with jax.enable_x64(True):
            found = self.loss(player)(real, fake)
        expect(found.dtype == jnp.float64, f"{found.dtype} of float64 scores")
        close(found, self.exact(player, real, fake), "the reference", 1e-13, 0.0)

    def float32_scalar(self, player: str) -> None:
        expected = self.exact(player, REAL, FAKE)
        for dtype in (jnp.float32, jnp.bfloat16)[: 1 + self.widens]:
            scores = [jnp.asarray(x, dtype) for x in (REAL, FAKE)]
            found = jnp.asarray(self.loss(player)(*scores))
            name = jnp.dtype(dtype).name
            words = f"of {name} scores the loss is {found.dtype}, and must be float32"
            expect(found.dtype == jnp.float32, f"{words}; see ganjax.precision")
            close(found, expected, f"of {name} scores", 1e-6, 1e-7)

    def half_precision(self, player: str) -> None:
        # Up to 2,000: the square of 256 is infinite in float16, and 8 bits lose digits
        # of every sum.
        largest = min(300.0, max(self.sizes) / 8)
        both = jax.value_and_grad(self.loss(player), (0, 1))
        for dtype in (jnp.float16, jnp.bfloat16):
            scores = [jnp.asarray(x, dtype) for x in random_scores(4)]
            scores = [x.at[0].multiply(largest) for x in scores]
            value, gradients = both(*scores)
            expected, slopes = both(*(x.astype(jnp.float32) for x in scores))
            expect(jnp.isfinite(expected), f"{expected} of scores {scores}")
            what = f"of {jnp.dtype(dtype).name} scores, which are to be widened first"
            close(value, expected, what, 1e-6, 0.0)
            for gradient, slope in zip(gradients, slopes, strict=True):
                words = f"the gradient {what} is {gradient.dtype}"
                expect(gradient.dtype == dtype, words)
                within = 2**-8 * float(jnp.abs(slope).max())
                close(gradient, slope, f"gradient {what}", 1e-7, within)

    def no_examples(self, player: str) -> None:
        nothing = np.zeros(0)
        try:
            found = self.loss(player)(nothing, nothing)
        except Exception as error:
            words = "a batch of 0 examples"
            expect(words in str(error), f"{words} ends in {error!r}")
            return
        raise AssertionError(
            f"a batch of 0 examples has the loss {found}, and is to be refused; "
            "ganjax.precision.mean does so"
        )

    def patches(self, player: str) -> None:
        loss, patches = self.loss(player), (2, 2)
        found = loss(REAL.reshape(patches), FAKE.reshape(patches))
        close(found, loss(REAL, FAKE), "of scores [2, 2], and of the same ones [4]")

    def programs(self, player: str) -> tuple[Any, ...]:
        """Compiled once: L of a batch, of three, and its mean over two devices."""
        if player not in self.compiled_for:
            loss, shard = self.loss(player), self.loss(player, "devices")

            @jax.jit
            def program(real: Any, fake: Any) -> Any:
                shards = (x[0].reshape(2, -1) for x in (real, fake))
                mean = jax.vmap(shard, axis_name="devices")(*shards).mean()
                return loss(real[0], fake[0]), jax.vmap(loss)(real, fake), mean

            self.compiled_for[player] = program(*random_scores(3, 4))
        return self.compiled_for[player]

    def compiled(self, player: str) -> None:
        loss = self.loss(player)
        scores = random_scores(3, 4)
        eager = [loss(real, fake) for real, fake in zip(*scores, strict=True)]
        found, mapped, _ = self.programs(player)
        close(found, eager[0], "compiled")
        close(mapped, np.stack(eager), "mapped over three batches")

    def derivatives(self, player: str) -> None:
        check_slope(self.loss(player), *random_scores(8))

    def large_scores(self, player: str) -> None:
        program = jax.jit(jax.value_and_grad(self.loss(player), (0, 1)))
        for size in self.sizes:
            real = size * np.array([1.0, 1.0, -1.0, -1.0])
            fake = size * np.array([1.0, -1.0, 1.0, -1.0])
            value, gradients = program(real, fake)
            at = f"at scores of +-{size:g}"
            expected = self.exact(player, real, fake)
            expect(np.isfinite(expected), f"the loss is {expected} {at}")
            close(value, expected, f"the loss in float32 {at}", 1e-6, 0.0)
            for side, slope in zip(("real", "fake"), gradients, strict=True):
                words = f"the gradient in {side} scores is {slope.tolist()} {at}"
                expect(np.isfinite(slope).all(), words)

    def signs(self, player: str) -> None:
        zeros = np.zeros(4)
        of_real, of_fake = jax.grad(self.loss(player), (0, 1))(zeros, zeros)
        words = (
            "at scores of 0 the loss of the {} must {} as {} examples score higher; "
        )
        words += "its derivatives are {}"
        if player == "discriminator" and _REALS & set(self.part.reads):
            falls = words.format(player, "fall", "real", of_real)
            expect((of_real < 0).all(), falls)
        if player == "discriminator" and _FAKES & set(self.part.reads):
            expect((of_fake > 0).all(), words.format(player, "rise", "fake", of_fake))
        if player != "discriminator":
            expect((of_fake < 0).all(), words.format(player, "fall", "fake", of_fake))

    def order(self, player: str) -> None:
        loss = self.loss(player)
        real, fake = random_scores(64)
        one, other = np.roll(np.arange(64), 3), np.arange(64)[::-1]
        value = loss(real, fake)
        close(loss(real[one], fake[one]), value, "in another order of the batch")
        apart = loss(real[one], fake[other])
        if player in self.paired:
            words = f"is {value} however real and fake examples pair, and is not paired"
            expect(not np.allclose(apart, value, rtol=1e-6), words)
        else:
            what = f"real and fake examples pair otherwise; say paired=({player!r},)?"
            close(apart, value, what)

    def numbers_of_examples(self, player: str) -> None:
        real, fake = random_scores(8)
        try:
            found = self.loss(player)(real, fake[:4])
        except (TypeError, ValueError) as error:
            words = f"8 real and 4 fake scores; say paired=({player!r},)?"
            raise AssertionError(f"{words} {error}") from error
        expected = self.exact(player, real, np.tile(fake[:4], 2))
        close(found, expected, "of 8 real and 4 fake scores, and of these twice")

    def devices(self, player: str) -> None:
        real, fake = random_scores(3, 4)
        _, _, found = self.programs(player)
        what = "mean over two devices; a mean of the whole batch is over axis_name"
        close(found, self.loss(player)(real[0], fake[0]), what)

    def fields(self) -> None:
        objective = self.make()

        def losses(outcome: Any) -> list[float]:
            return [
                float(value)
                for loss in objective.losses.values()
                for value in loss(outcome).values()
            ]

        def other(values: Array) -> Array:
            if values.dtype == bool:
                return ~values
            return 1 - values if values.dtype == jnp.int32 else 2 * values

        outcome = self.outcome(REAL, FAKE)
        before = losses(outcome)
        for name in self.part.reads:
            changed = jax.tree.map(other, getattr(outcome, name))
            words = f"the row says that {name} is read, and it makes no difference"
            expect(losses(outcome._replace(**{name: changed})) != before, words)

    def traced(self) -> None:
        def values(numbers: Mapping[str, Any]) -> Any:
            objective = self.make(**numbers)
            outcome = self.outcome(REAL, FAKE)
            losses = [loss(outcome) for loss in objective.losses.values()]
            return losses, objective.threshold

        check_traced(values, self.numbers, keys_of(self.catalogue, self.part))

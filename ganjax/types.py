"""The names and shapes that every room of ganjax shares. No jax at run time.

Arrays have a leading batch axis `B`. Images are float32 in [-1, 1], NHWC; points of a
mixture are `[B, D]`; "example" stands for either. A score rises with realness.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    import jax
    import optax

    Array = jax.Array

_T = TypeVar("_T")

Tree = Any  # a pytree of arrays
Variables = Mapping[str, Tree]  # flax's {"params": ..., collection: ...} of one player
Players = Mapping[str, Variables]  # of all, by name
Mutable = dict[str, Tree]  # what a network keeps of a call: {collection: ...}
Layers = tuple["Array", ...]  # features [B, ...], first to last
Terms = dict[str, "Array"]  # the weighted scalars whose sum a player minimises
ScoreFn = Callable[["Array", "Array | None"], "Array"]  # (examples, label) -> [B]


class PartError(Exception):
    """A part of an experiment's file that does not keep its contract, in one line."""


# The rounds of a step, in playing order: ((players, repeats), ...).
Rounds = tuple[tuple[tuple[str, ...], int], ...]


class Outcome(NamedTuple):
    """What one round of play produced; `None` is what the game does not make."""

    real: Array | None = None  # [B, ...]
    fake: Array | None = None  # [B, ...]
    real_score: Array | None = None  # [B]
    fake_score: Array | None = None  # [B]
    real_logits: Array | None = None  # [B, K]
    fake_logits: Array | None = None  # [B, K]
    real_features: Layers | None = None
    fake_features: Layers | None = None
    real_label: Array | None = None  # int32 [B]
    fake_label: Array | None = None  # int32 [B]
    is_labelled: Array | None = None  # bool [B]
    mean: Array | None = None  # [B, Z], of the encoder's posterior
    log_var: Array | None = None  # [B, Z]
    reconstruction: Array | None = None  # [B, ...]
    # [B, ...], of which a likelihood makes examples: of Bernoulli pixels, or Gaussian
    # means.
    reconstruction_logits: Array | None = None
    reconstruction_score: Array | None = None  # [B]
    reconstruction_features: Layers | None = None


def made(field: _T | None) -> _T:
    """A field of an outcome that is read only where the game makes it."""
    if field is None:
        raise ValueError("the game makes no such array")
    return field


class Batch(NamedTuple):
    """Real examples, what is known of them, and what else a probe may be given."""

    real: Array  # [B, ...]
    label: Array | None = None  # int32 [B]
    is_labelled: Array | None = None  # bool [B]
    latents: Array | None = None  # [B, Z], of no source


class Objective(NamedTuple):
    """What each player minimises, as named terms of an outcome.

    `threshold` is the score above which the discriminator says "real"; `None` where
    only differences of scores mean anything.
    """

    losses: Mapping[str, Callable[[Outcome], Terms]]
    threshold: Array | float | None


class Penalty(NamedTuple):
    """A term of the discriminator's loss that needs it as a function.

    `value(score_fn, outcome, keys) -> scalar`; taken every `every` steps only, and then
    multiplied by `every`. Its keys are folded with `stream`, or its name.
    """

    value: Callable[[ScoreFn, Outcome, Array], Array]
    every: int = 1
    stream: str = ""


# A correction of the joint gradient field: (field, params) -> what each player's
# gradient gains, where `field(params)` and `params` are trees by player.
Correction = Callable[[Callable[[Tree], Tree], Tree], Tree]

# What the discriminator sees of examples [B, ...] in training: (examples, keys [B]).
View = Callable[["Array", "Array"], "Array"]


class Apply(Protocol):
    """The function of a network."""

    def __call__(
        self,
        variables: Variables,
        inputs: Array,
        label: Array | None,
        keys: Array,
        /,
        *,
        train: bool,
    ) -> tuple[Any, Mutable]:
        """The output, and every collection of `variables` but `params` after it."""


class Network(NamedTuple):
    """A pair of pure functions.

    `init(key, inputs, label) -> variables`;
    `apply(variables, inputs, label, keys, *, train) -> (output, mutable)`, where `keys`
    is `[B]` and `mutable` holds every collection of `variables` but `params`.
    A discriminator's output is `(score [B], logits [B, K] | None, features)`, an
    encoder's `(mean [B, Z], log_var [B, Z])`.
    """

    init: Callable[[Array, Array, Array | None], Variables]
    apply: Apply
    classes: int = 0  # K, where it makes class logits


class Likelihood(NamedTuple):
    """p(x|z) of examples `[B, ...]`, by what a generator makes of z, of their shape.

    `log_p(examples, made) -> [B]`, in nats; `mean(made)`, the mean example.
    """

    log_p: Callable[[Array, Array], Array]
    mean: Callable[[Array], Array]


class Examples(NamedTuple):
    """What the examples look like to a network."""

    shape: tuple[int, ...]  # of one example
    classes: int  # of their labels; 0 where there are none


# (arrays, key, step, round, index [B]) -> a batch of the source that has the arrays.
TakeBatch = Callable[[Tree, "Array", "Array | int", "Array | int", "Array"], Batch]


class Source(NamedTuple):
    """Where batches come from.

    `batch(arrays, key, step, round, index) -> Batch`, `index` being the global example
    indices `[B]`. `arrays` is passed at each call, so that it can be replaced.
    """

    arrays: Tree
    batch: TakeBatch
    classes: int = 0  # of the labels, where there are any
    class_names: tuple[str, ...] = ()  # by label, where they have any


class Measure(NamedTuple):
    """Numbers of what a state makes: `value(*arrays) -> {name: number}`.

    `reads` names the arrays, in order; `ganjax.look.evaluate` says which there are.
    `better` says of some numbers where the best lies, "lowest", "highest" or "one".
    """

    reads: tuple[str, ...]
    value: Callable[..., Mapping[str, Any]]
    better: Mapping[str, str]


# How a state is looked at: (variables by player, batch, keys [B]) -> [B, ...].
Probe = Callable[[Players, Batch, "Array"], "Array"]


# (variables by player, examples [B, ...], label, keys [B]) -> scores [B].
Scoring = Callable[[Players, "Array", "Array | None", "Array"], "Array"]


class Game(NamedTuple):
    """Who plays whom.

    `init(key) -> {player: variables}`;
    `play(variables, batch, keys) -> (Outcome, {player: mutable})`, in training mode;
    `score(variables, examples, label, keys) -> [B]`, the discriminator as `play` calls
    it, or `None` in a game without one; `probes`, by name, in evaluation mode.
    """

    init: Callable[[Array], dict[str, Variables]]
    play: Callable[[Players, Batch, Array], tuple[Outcome, dict[str, Mutable]]]
    score: Scoring | None
    probes: Mapping[str, Probe]


class Parts(NamedTuple):
    """All that a training step needs, made inside its trace from the run's numbers."""

    game: Game
    objective: Objective
    optimizers: Mapping[str, optax.GradientTransformation]
    penalties: Mapping[str, Penalty]
    average: Mapping[str, Array]  # decay of the moving average, per averaged player
    monitors: Mapping[str, Callable[[Outcome], Terms]]  # logged when that player moves
    corrections: Mapping[str, Correction] = MappingProxyType({})

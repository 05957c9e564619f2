"""Parts of an experiment's own: rows for the list `PARTS` of its file. No jax.

A builder's keyword-only arguments are the keys of its section, each with a default that
gives its type; `Annotated[float, "(0, 1)"]` gives the range and `Literal["a", "b"]` the
choices, of a whole number, a number, a bool, a string or a tuple of one of these. What
a function takes by position is given to it, and said here for each kind.

    PARTS = [
        *parts.network("small", generator=Generator, discriminator=Critic),
        parts.objective("mine", discriminator=critic_loss, generator=generator_loss),
    ]

    def get_config():
        return defaults(parts=PARTS, data="ring", network="small", objective="mine")

Whatever cannot be a part raises `ConfigError`, which names the function.
"""

import inspect
from collections.abc import Iterable, Mapping

from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import BEST_AT, Catalogue, Key, Part, rows
from ganjax.config.chosen import ARRAYS
from ganjax.config.experiment import ConfigError, shown
from ganjax.config.signature import Function, keys_of_builder, positional
from ganjax.types import Outcome

_GIVEN_TO_NETWORKS = ("shape", "classes", "latent_size", "axis_name")


def network(
    name: str, *, label: bool = False, logits: bool = False, **players: Function
) -> tuple[Part, ...]:
    """A network for each of some players, by keyword: `generator=`, `discriminator=`.

    Each is a `flax.linen.Module` class whose fields are the keys, or a function of
    keyword-only arguments that returns such a module or a `ganjax.types.Network`. Of
    these names they are not keys, but given: `shape` of an example, `classes` of the
    labels, `latent_size`, and `axis_name`, over which statistics of a batch are to be
    taken.

    The module is called with latents `[B, Z]` or examples `[B, ...]`, and, where its
    `__call__` has them, with `label [B]`, `keys [B]`, one for each example, to draw
    from under `vmap`, and `train`. A generator returns examples `[B, *shape]`, an
    encoder `(mean, log_var)`, each `[B, Z]`, a discriminator its score `[B]` or
    `(score, logits, features)`, logits `[B, classes]` or None, features a tuple.

    Args:
      name: of all of them.
      label: what a function makes is told the label; of a class it is seen.
      logits: the discriminator makes class logits.
      **players: by the name of the player.
    """
    if not players:
        raise ConfigError(f"network {name}: for no player; give it generator=...")
    return tuple(
        _network(name, player, made, label, logits) for player, made in players.items()
    )


def _network(name: str, player: str, made: Function, label: bool, logits: bool) -> Part:
    where = f"network {name} of the {player}"
    keys, takes = keys_of_builder(where, made, (), _GIVEN_TO_NETWORKS)
    if inspect.isclass(made):
        label = "label" in inspect.signature(made.__call__).parameters
    return Part(
        *("network", name, made, keys, takes, (player,)),
        reads=("label",) if label else (),
        makes=("logits",) if logits and player == "discriminator" else (),
        adapter="ganjax.own.networks:network_builder",
    )


def objective(name: str, *, threshold: float | None = None, **losses: Function) -> Part:
    """An objective of a pure loss function for each player, by keyword.

    A loss takes fields of `ganjax.types.Outcome` by position, by their names, and its
    numbers by keyword: `def mine(real_score, fake_score, *, slope: float = 0.5)`; it
    returns a scalar, to be minimised. `axis_name` among the keywords is given: the axis
    over which a mean of the whole batch is to be taken.

    Args:
      name: of the objective.
      threshold: the score above which the discriminator says "real", if any.
      **losses: by the name of the player.
    """
    if not losses:
        raise ConfigError(f"objective {name}: has no loss; give it discriminator=...")
    keys: dict[str, Key] = {}
    takes: set[str] = set()
    reads: dict[str, None] = {}
    for player, loss in losses.items():
        where = f"objective {name}, loss of the {player}"
        own, taken = keys_of_builder(where, loss, None, ("axis_name",))
        for key, value in own.items():
            if keys.setdefault(key, value) != value:
                raise ConfigError(f"{where}: {key} differs from another loss's")
        takes |= {*taken}
        reads |= dict.fromkeys(positional(where, loss, Outcome._fields))
    return Part(
        *("objective", name, (losses, threshold), keys, tuple(sorted(takes))),
        players=tuple(losses),
        reads=tuple(reads),
        adapter="ganjax.own.objectives:of_losses",
    )


def penalty(function: Function, *, name: str = "", of_example: bool = True) -> Part:
    """A penalty `(score_fn, outcome, keys, *, weight, ...) -> scalar`.

    As those of `ganjax.penalties`. `axis_name` among the keywords is given.

    Args:
      function: the penalty.
      name: if not the function's.
      of_example: whether it is on gradients of single examples' scores, and so refused
        where batch norm makes a score depend on other examples.
    """
    given = ("axis_name",)
    part = _part("penalty", function, name, ("score_fn", "outcome", "keys"), given)
    return part._replace(of_example=of_example)


def augmentation(function: Function, *, name: str = "") -> Part:
    """A view `(examples [B, ...], keys [B], *, ...) -> examples` of the same shape."""
    return _part("augmentation", function, name, ("examples", "keys"))


def correction(function: Function, *, name: str = "") -> Part:
    """A correction `(field, params, *, ...)` of the joint gradient field.

    As those of `ganjax.corrections`.
    """
    return _part("correction", function, name, ("field", "params"))


def divergence(function: Function, *, name: str = "") -> Part:
    """An f-divergence, `(*, ...) -> ganjax.losses.f_divergence.Divergence`.

    `ganjax.losses.f_divergence.from_conjugate` makes one of f and its conjugate. It is
    chosen by `config.objective.divergence` of the objective `f_divergence`.
    """
    return _part("divergence", function, name, ())


def optimizer(function: Function, *, name: str = "") -> Part:
    """An optimizer, `(*, ...) -> optax.GradientTransformation`."""
    return _part("optimizer", function, name, ())


def data(
    function: Function, *, name: str = "", labels: bool = False, examples: str = ""
) -> Part:
    """Data held in memory: a function `(*, ...)` that returns NumPy arrays.

    Either examples `[N, ...]`, float32 or uint8 images `[N, H, W, C]`, or `(examples,
    label [N])`, or these and the names of the classes. A batch is drawn of them with
    replacement.

    Args:
      function: makes the arrays.
      name: if not the function's.
      labels: whether it returns labels.
      examples: "images" or "points", what the examples are, so that networks which are
        for the other are refused at once.
    """
    return _part("data", function, name, ())._replace(
        makes=("distinct",),
        labels="all" if labels else "",
        examples=examples,
        adapter="ganjax.own.data:held",
    )


def drawn(
    function: Function, *, name: str = "", labels: bool = False, examples: str = ""
) -> Part:
    """Data that is drawn on the device, by `(key, *, ...)`.

    The function returns one example, or `(example, label)`; it is called under `vmap`,
    with a key for each example, so that a batch is the same on any number of devices.

    Args:
      function: draws an example.
      name: if not the function's.
      labels: the number of classes is the key `classes`, which must be there.
      examples: see `data`.
    """
    part = _part("data", function, name, ("key",))
    if labels and "classes" not in part.keys:
        raise ConfigError(f"data {part.name}: labels need the argument classes: int")
    return part._replace(
        labels="all" if labels else "",
        examples=examples,
        adapter="ganjax.own.data:drawn",
    )


def game(
    function: Function,
    *,
    players: Iterable[str],
    makes: Iterable[str],
    probes: Iterable[str] = (),
    name: str = "",
) -> Part:
    """A game, `(networks, examples, *, ...) -> ganjax.types.Game`.

    Keywords `axis_name`, `view` and `likelihood` are given.

    Args:
      function: makes the game.
      players: who play, each with a network and an optimizer.
      makes: the fields of the outcome that it fills.
      probes: the names of its probes.
      name: if not the function's.
    """
    given = ("axis_name", "view", "likelihood")
    return _part("game", function, name, ("networks", "examples"), given)._replace(
        players=tuple(players), makes=tuple(makes), probes=tuple(probes)
    )


def measure(
    function: Function, *, better: Mapping[str, str] | None = None, name: str = ""
) -> Part:
    """A measure, which takes arrays by their names and returns `{name: number}`.

    `def width(real, sample, *, ...)` is given `sample`s and as many `real` examples;
    `ganjax.look.evaluate` says what other arrays there are.

    Args:
      function: takes the measure, in NumPy.
      better: by the name of a number, where its best value lies: "lowest", "highest" or
        "one"; numbers that are not named here are shown, but rank nothing.
      name: if not the function's.
    """
    made = _part("measure", function, name, None)
    for number, where in (better or {}).items():
        if where not in BEST_AT:
            raise ConfigError(
                f"measure {made.name}: better[{number!r}] must be lowest, highest or "
                f"one, not {shown(where)}"
            )
    reads = tuple(positional(f"measure {made.name}", function, ARRAYS))
    return made._replace(reads=reads, better=dict(better or {}))


def catalogue_with(own: Iterable[Part]) -> Catalogue:
    """The built-in parts, and behind them an experiment's own.

    Raises:
      ConfigError: something is no row, or a name is taken.
    """
    catalogue = BUILT_IN
    for part in own:
        if not isinstance(part, Part):
            raise ConfigError(
                f"PARTS must hold rows of ganjax.config.parts, not {shown(part)}; "
                "network() makes one for each player: write *parts.network(...)"
            )
        player = part.players[0] if part.kind == "network" else ""
        if part.name in rows(catalogue, part.kind, player):
            raise ConfigError(
                f"PARTS: {part.kind} {part.name}: the name is taken; choose another"
            )
        catalogue = (*catalogue, part)
    return catalogue


def _part(
    kind: str,
    function: Function,
    name: str,
    positional: tuple[str, ...] | None,
    given: tuple[str, ...] = (),
) -> Part:
    if not callable(function):
        raise ConfigError(f"{kind} {name}: must be a function, not {shown(function)}")
    name = name or getattr(function, "__name__", "")
    if not name.isidentifier():
        raise ConfigError(f"{kind} {shown(name)}: needs a name such as my_{kind}")
    keys, takes = keys_of_builder(f"{kind} {name}", function, positional, given)
    return Part(kind, name, function, keys, takes)

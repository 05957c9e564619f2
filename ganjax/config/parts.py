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

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import BEST_AT, Catalogue, Key, Part, interval_of, rows
from ganjax.config.consistency import ARRAYS
from ganjax.config.experiment import ConfigError, shown
from ganjax.types import Outcome

_WHOLE = "[-2147483648, 2147483647]"
_REAL = "(-inf, inf)"
_GIVEN_TO_NETWORKS = ("shape", "classes", "latent_size", "axis_name")
_OF_MODULES = ("parent", "name")  # fields that flax gives each of them

Function = Callable[..., Any]


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
    keys, takes = _keys(where, made, (), _GIVEN_TO_NETWORKS)
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
        own, taken = _keys(where, loss, None, ("axis_name",))
        for key, value in own.items():
            if keys.setdefault(key, value) != value:
                raise ConfigError(f"{where}: {key} differs from another loss's")
        takes |= {*taken}
        reads |= dict.fromkeys(_positional(where, loss, Outcome._fields))
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
    """Data that is held, of `(*, ...)` that returns NumPy arrays.

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
    reads = tuple(_positional(f"measure {made.name}", function, ARRAYS))
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
                f"PARTS: the name {part.name} of a {part.kind} is taken; choose another"
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
    keys, takes = _keys(f"{kind} {name}", function, positional, given)
    return Part(kind, name, function, keys, takes)


def _positional(where: str, function: Function, known: Iterable[str]) -> list[str]:
    """The names of what a function takes by position, each one of the `known`."""
    found = inspect.signature(function).parameters.values()
    names = [p.name for p in found if p.kind is p.POSITIONAL_OR_KEYWORD]
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise ConfigError(
                f"{where}: {name} is nothing that it could be given; {hint}known are "
                f"{', '.join(known)}; write a * before the keys"
            )
    return names


def _keys(
    where: str,
    function: Function,
    positional: tuple[str, ...] | None,
    given: tuple[str, ...],
) -> tuple[dict[str, Key], tuple[str, ...]]:
    """The keys of a builder, and which of the `given` it takes.

    `positional` are what it is called with by position, None where it may choose.
    """
    if dataclasses.is_dataclass(function) and inspect.isclass(function):
        arguments = [
            (field.name, _default_of(field))
            for field in dataclasses.fields(function)
            if field.name not in _OF_MODULES
        ]
    else:
        arguments = _keyword_only(where, function, positional)
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise ConfigError(f"{where}: an annotation cannot be read: {error}") from error
    keys = {
        name: _key(f"{where}: {name}", default, hints.get(name))
        for name, default in arguments
        if name not in given
    }
    return keys, tuple(name for name, _ in arguments if name in given)


def _default_of(field: dataclasses.Field) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    has_none = field.default is dataclasses.MISSING
    return inspect.Parameter.empty if has_none else field.default


def _keyword_only(
    where: str, function: Function, positional: tuple[str, ...] | None
) -> list[tuple[str, Any]]:
    found = list(inspect.signature(function).parameters.values())
    by_position = [p.name for p in found if p.kind is p.POSITIONAL_OR_KEYWORD]
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in found):
        raise ConfigError(f"{where}: *args and **kwargs have no keys; name each")
    if positional is not None and len(by_position) != len(positional):
        takes = f"({', '.join(positional)})" if positional else "none"
        raise ConfigError(
            f"{where}: by position it is given {takes}, and asks for "
            f"({', '.join(by_position)}); write a * before the keys"
        )
    return [(p.name, p.default) for p in found if p.kind is p.KEYWORD_ONLY]


def _key(where: str, default: Any, hint: Any) -> Key:
    """The key of an argument, by its default and annotation."""
    if default is inspect.Parameter.empty:
        raise ConfigError(f"{where} has no default, which gives its type")
    interval, choices = "", ()
    if typing.get_origin(hint) is typing.Annotated:
        hint, *words = typing.get_args(hint)
        interval = next((word for word in words if isinstance(word, str)), "")
        if interval and interval_of(interval) is None:
            raise ConfigError(
                f"{where}: {shown(interval)} is no interval such as (0, 1]"
            )
    if typing.get_origin(hint) is typing.Literal:
        choices = typing.get_args(hint)
    kind = None
    if default is None:
        union = typing.get_origin(hint) in (typing.Union, types.UnionType)
        args = [x for x in typing.get_args(hint) if x is not type(None)]
        kind = args[0] if union and args else None
        if kind not in (int, float, str):
            raise ConfigError(
                f"{where}: None is off; say of what type it is else, such as "
                "float | None"
            )
    if kind is None and hint is float and type(default) is int:
        default = float(default)
    inner = kind or _type_of(where, default)
    if not interval and not choices and inner in (int, float):
        interval = _WHOLE if inner is int else _REAL
    return Key(default, interval, choices, kind)


def _type_of(where: str, default: Any) -> type:
    """The type of a default, or of a tuple's elements."""
    if isinstance(default, tuple) and default:
        found = {_type_of(where, item) for item in default}
        if len(found) == 1:
            return found.pop()
    elif type(default) in (int, float, str, bool):
        return type(default)
    raise ConfigError(
        f"{where}: the default {shown(default)} is no number, string, bool, or tuple "
        "of one of these"
    )

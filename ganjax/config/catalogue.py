"""What a part is: one row of one type, whatever its kind. No jax.

A catalogue is a tuple of such rows: those of `ganjax.config.builtin`, and behind them
those of an experiment's file. It is made once and handed down to whoever needs it.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple

_NOTHING: Mapping[str, Any] = MappingProxyType({})

# Of parts, each with the section of a config that chooses among them. A divergence and
# a likelihood are chosen by a key of an objective.
KINDS = {
    "data": "data",
    "game": "game",
    "network": "networks",
    "objective": "objective",
    "divergence": "objective.divergence",
    "likelihood": "objective.likelihood",
    "penalty": "penalties",
    "correction": "corrections",
    "augmentation": "augment",
    "optimizer": "optimizers",
    "play": "play",
    "measure": "measures",
}

BEST_AT = ("lowest", "highest", "one")  # where the best value of a number can lie


class Key(NamedTuple):
    """One key of a section.

    `default` gives the type too; where it is None the key is off unless set, and
    `kind` gives the type. `range` is an interval such as "(0, inf)" for numbers;
    `choices` lists the legal values; where `part` names a kind, these are its names,
    and the numbers of its rows are keys of the same section.
    """

    default: Any
    range: str = ""
    choices: tuple[str | int, ...] = ()
    kind: type | None = None
    part: str = ""


class Part(NamedTuple):
    """One part of a run that a config chooses by name, and what must be known of it.

    `builder` makes it, of `keys` by keyword, and of what it `takes` besides; built-in
    parts name theirs, "module:function". `adapter` names the function that makes a
    builder of what an experiment's file has, see `ganjax.config.parts`. The
    rest are facts, each of some kinds.
    """

    kind: str
    name: str
    builder: Any  # "module:function", or what an experiment's file has
    keys: Mapping[str, Key] = _NOTHING
    # Keywords that whoever builds it gives: axis_name, view, latent_size, likelihood.
    takes: tuple[str, ...] = ()
    # Who plays a game, who has a loss in an objective, whose network it is.
    players: tuple[str, ...] = ()
    # Fields of an outcome that an objective reads; arrays that a measure does, see
    # `ganjax.look.evaluate`; "label" of a network that is told its example's.
    reads: tuple[str, ...] = ()
    # Fields that a game may make; "density", known of data, or "distinct" examples;
    # "logits" of a discriminator that always makes them.
    makes: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()  # that a game may have
    # "images" or "points": what data has, and what others are for; "" is any.
    examples: str = ""
    labels: str = ""  # of data: "all" have one, or it is "seen" whether they have
    of_example: bool = False  # a penalty on gradients of single examples' scores
    constrained: bool = False  # an objective whose scores must have bounded slopes
    # The name under which a penalty draws its random numbers: its first one, so that an
    # older run is the same run.
    stream: str = ""
    # Where the best value of each number of a measure lies, one of `BEST_AT`.
    better: Mapping[str, str] = _NOTHING
    check: str = ""  # "module:function", of a config that chooses it
    look: str = ""  # "module:function", whether data is there, see `ganjax.data.look`
    joint: bool = False  # a play in which all players move from one gradient
    adapter: str = ""

    @property
    def is_own(self) -> bool:
        """Whether it comes of an experiment's file."""
        return not isinstance(self.builder, str)


Catalogue = tuple[Part, ...]

# Keys that all parts of a kind have, which the step heeds in place of their builders. A
# penalty is taken at every so many steps, so many times as strong. Players that are
# frozen, separated by commas, play their rounds and are not moved.
_OF_KIND = {
    "penalty": {"every": Key(1, "[1, 2147483647]")},
    "play": {"frozen": Key("")},
}


def rows(catalogue: Catalogue, kind: str, player: str = "") -> dict[str, Part]:
    """The parts of a kind by name; of networks those of a player."""
    return {
        part.name: part
        for part in catalogue
        if part.kind == kind and (not player or player in part.players)
    }


def keys_of(catalogue: Catalogue, part: Part) -> dict[str, Key]:
    """The keys of a part's section, those of the parts that it chooses among too."""
    keys = {**_OF_KIND.get(part.kind, {}), **part.keys}
    for name, key in part.keys.items():
        if not key.part:
            continue
        chosen = rows(catalogue, key.part)
        keys[name] = key._replace(choices=tuple(chosen))
        for row in chosen.values():
            for number, own in row.keys.items():
                keys.setdefault(number, _optional(chosen, number, own))
    return keys


def _optional(chosen: Mapping[str, Part], number: str, key: Key) -> Key:
    """A number that some of the chosen need: off by default, of the widest range."""
    ranges = {row.keys[number].range for row in chosen.values() if number in row.keys}
    widest = key.range if len(ranges) == 1 else "(-inf, inf)"
    return Key(None, widest, kind=key.kind or type(key.default))


def load(path: str) -> Any:
    """What a path "module:name" names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def builder_of(part: Part) -> Callable[..., Any]:
    """The function that makes a part, its module imported only now."""
    if part.adapter:
        return load(part.adapter)(part)
    return part.builder if part.is_own else load(part.builder)


def arguments(
    catalogue: Catalogue, part: Part, section: Mapping[str, Any]
) -> dict[str, Any]:
    """The keywords of a part's builder, of its section's values.

    What a key chooses is made of its own numbers, and goes in place of its name.
    """
    found: dict[str, Any] = {}
    for name, key in part.keys.items():
        found[name] = section[name]
        if key.part:
            chosen = rows(catalogue, key.part)[section[name]]
            numbers = {n: section[n] for n in chosen.keys if section[n] is not None}
            found[name] = builder_of(chosen)(**numbers)
    return found


def make(catalogue: Catalogue, kind: str, name: str, **values: Any) -> Any:
    """A part, at its defaults but for `values`, keys of its section or what it takes.

    Of a kind whose builders take nothing but keywords.
    """
    part = rows(catalogue, kind)[name]
    defaults = {n: key.default for n, key in keys_of(catalogue, part).items()}
    besides = {n: values.pop(n) for n in part.takes if n in values}
    made = arguments(catalogue, part, defaults | values)
    return builder_of(part)(**made, **besides)


def builders(catalogue: Catalogue, kind: str, player: str = "") -> dict[str, Any]:
    """The builders of all parts of a kind, by name."""
    found = rows(catalogue, kind, player)
    return {name: builder_of(part) for name, part in found.items()}


def interval_of(words: str) -> tuple[float, float] | None:
    """The ends of an interval such as "(0, 1]", None where the words are none."""
    if words[:1] not in ("(", "[") or words[-1:] not in (")", "]"):
        return None
    try:
        low, high = map(float, words[1:-1].split(","))
    except ValueError:
        return None
    return low, high


def within(value: float, interval: str) -> bool:
    """Whether a number lies in an interval such as "(0, 1]"."""
    low, high = map(float, interval[1:-1].split(","))
    above = value >= low if interval[0] == "[" else value > low
    below = value <= high if interval[-1] == "]" else value < high
    return above and below

"""How experiment files write configs. No jax."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import SimpleNamespace
from typing import Any

from ml_collections import ConfigDict, config_dict

from ganjax.config import schema
from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import Catalogue, Key, Part, keys_of, rows
from ganjax.config.chosen import can_take
from ganjax.config.consistency import (
    BATCH_NORMALIZATIONS,
    LABEL_FIELDS,
    LOGIT_FIELDS,
    SCORE_FIELDS,
)
from ganjax.config.experiment import ConfigError, shown
from ganjax.config.parts import catalogue_with

_ADVERSARIAL = ("discriminator", "generator")


def parse_arg(arg: str | None, **choices: Iterable[str]) -> SimpleNamespace:
    """Reads an experiment's `:argument`, a list of words such as "hinge,dense".

    Args:
      arg: words separated by commas, each one of the choices, or `slot=choice`.
      **choices: for each slot its legal words, the default first.

    Raises:
      ConfigError: a word is no choice of any slot, or a slot is filled twice.
    """
    slots = {slot: tuple(words) for slot, words in choices.items()}
    chosen: dict[str, str] = {}
    for word in filter(None, (arg or "").split(",")):
        slot, _, value = word.rpartition("=")
        if not slot:
            slot = next((s for s, words in slots.items() if value in words), "")
        if value not in slots.get(slot, ()):
            legal = "; ".join(f"{s}: {', '.join(words)}" for s, words in slots.items())
            words = [x for known in slots.values() for x in known]
            close = get_close_matches(value, words, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise ConfigError(
                f"argument {shown(word)} is unknown; {hint}known are {legal}"
            )
        if slot in chosen:
            raise ConfigError(f"arguments {chosen[slot]} and {value} are both {slot}")
        chosen[slot] = value
    return SimpleNamespace(**{s: chosen.get(s, words[0]) for s, words in slots.items()})


def objectives(default: str) -> tuple[str, ...]:
    """The names of adversarial objectives that need no labels, the default first.

    They are choices for `parse_arg`.
    """
    names = [
        name
        for name, row in rows(BUILT_IN, "objective").items()
        if LABEL_FIELDS.isdisjoint(row.reads) and row.players == _ADVERSARIAL
    ]
    return (default, *(name for name in names if name != default))


def divergences(default: str) -> tuple[str, ...]:
    """The names of all f-divergences, the same way."""
    names = rows(BUILT_IN, "divergence")
    return (default, *(name for name in names if name != default))


def section(
    kind: str, name: str, *, player: str = "", parts: Iterable[Part] = (), **values: Any
) -> ConfigDict:
    """The section `{name, **keys}` of a part that is chosen by name, at its defaults.

    Args:
      kind: "data", "optimizer" and the like; "network" with a `player`.
      name: of the part.
      player: whose network it is.
      parts: rows of the experiment's file.
      **values: in place of defaults.
    """
    catalogue = catalogue_with(parts)
    row = _row(rows(catalogue, kind, player), name)
    return ConfigDict({"name": name} | _defaults(keys_of(catalogue, row)) | values)


def _listed(
    kind: str, name: str, parts: Iterable[Part], values: Mapping[str, Any]
) -> ConfigDict:
    catalogue = catalogue_with(parts)
    row = _row(rows(catalogue, kind), name)
    return ConfigDict(_defaults(keys_of(catalogue, row)) | dict(values))


def penalty(name: str, *, parts: Iterable[Part] = (), **values: Any) -> ConfigDict:
    """The section of one penalty, to be set as `config.penalties.<name>`."""
    return _listed("penalty", name, parts, values)


def augmentation(name: str, *, parts: Iterable[Part] = (), **values: Any) -> ConfigDict:
    """The section of one augmentation, to be set as `config.augment.<name>`."""
    return _listed("augmentation", name, parts, values)


def correction(name: str, *, parts: Iterable[Part] = (), **values: Any) -> ConfigDict:
    """The section of one correction, to be set as `config.corrections.<name>`."""
    return _listed("correction", name, parts, values)


def measure(name: str, *, parts: Iterable[Part] = (), **values: Any) -> ConfigDict:
    """The section of one measure, to be set as `config.measures.<name>`."""
    return _listed("measure", name, parts, values)


def schedule(shape: str, final: float) -> ConfigDict:
    """A number's `<number>_schedule`; `final` is its factor at the end of the run."""
    return ConfigDict({"shape": shape, "final": final})


def _row(found: Mapping[str, Part], name: str) -> Part:
    if name not in found:
        raise ConfigError(f"{name!r} is none of {', '.join(found)}")
    return found[name]


def _defaults(keys: Mapping[str, Key]) -> dict[str, Any]:
    return {
        name: key.default if key.kind is None else config_dict.placeholder(key.kind)
        for name, key in keys.items()
    }


def default_measures(game: Part, data: Part, catalogue: Catalogue) -> tuple[str, ...]:
    """All measures that runs of this game on this data may have."""
    found = rows(catalogue, "measure").items()
    return tuple(name for name, row in found if can_take(row, game, data))


def defaults(
    *,
    data: str,
    network: str,
    objective: str,
    optimizer: str = "adam",
    play: str | None = None,
    game: str = "adversarial",
    parts: Iterable[Part] = (),
) -> ConfigDict:
    """A whole config from the names of its parts, every key at its default.

    The discriminator gets the head that the objective reads, and no batch norm where it
    needs a gradient penalty; the generator of logits gets no tanh. `play` is
    alternating where a generator meets a discriminator alone, and otherwise
    simultaneous. Every measure is taken that the game and the data allow. `parts` are
    the rows of the experiment's file, whose names may be given too.
    """
    parts = tuple(parts)
    catalogue = catalogue_with(parts)
    played = _row(rows(catalogue, "game"), game)
    players = played.players
    _check_players(catalogue, network, players)
    play = play or ("alternating" if players == _ADVERSARIAL else "simultaneous")
    config = ConfigDict(_defaults(schema.RUN))
    config.data = section("data", data, parts=parts)
    config.game = section("game", game, parts=parts)
    config.networks = ConfigDict(
        {p: section("network", network, player=p, parts=parts) for p in players}
    )
    config.objective = section("objective", objective, parts=parts)
    _fit(config, rows(catalogue, "objective")[objective])
    config.augment = ConfigDict()
    config.penalties = ConfigDict()
    config.corrections = ConfigDict()
    config.optimizers = ConfigDict(
        {p: section("optimizer", optimizer, parts=parts) for p in players}
    )
    averaged = [player for player in players if player != "discriminator"]
    config.ema = ConfigDict({p: _defaults(schema.EMA) for p in averaged})
    config.play = section("play", play, parts=parts)
    config.parallel = ConfigDict(_defaults(schema.PARALLEL))
    config.record = ConfigDict(_defaults(schema.RECORD))
    config.evaluation = ConfigDict(_defaults(schema.EVALUATION))
    taken = default_measures(played, rows(catalogue, "data")[data], catalogue)
    config.measures = ConfigDict({name: measure(name, parts=parts) for name in taken})
    return config


def _check_players(catalogue: Catalogue, network: str, players: Iterable[str]) -> None:
    if network not in (found := rows(catalogue, "network")):
        raise ConfigError(f"{network!r} is none of {', '.join(found)}")
    for player in players:
        able = rows(catalogue, "network", player)
        if network not in able:
            raise ConfigError(
                f"{network} has no {player}; those that have are {', '.join(able)}"
            )


def _fit(config: ConfigDict, objective: Part) -> None:
    """Sets what an objective asks of the networks."""
    discriminator = config.networks.get("discriminator", {})
    if "head" in discriminator:
        discriminator.head = _head(objective.reads)
    if objective.constrained and (
        discriminator.get("normalization") in BATCH_NORMALIZATIONS
    ):
        discriminator.normalization = "none"
    makes_logits = "reconstruction_logits" in objective.reads
    if makes_logits and "output" in config.networks.get("generator", {}):
        config.networks.generator.output = "linear"


def _head(fields: Iterable[str]) -> str:
    """Of a discriminator for an objective that reads these fields."""
    if LOGIT_FIELDS.isdisjoint(fields):
        return "score"
    if not SCORE_FIELDS.isdisjoint(fields):
        return "score_and_logits"
    # The class that a generated example was made for is read to be fitted to it.
    return "log_probability" if "fake_label" in fields else "logits"

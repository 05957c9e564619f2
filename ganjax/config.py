"""Configs: written by experiment files, checked against the schema. No jax."""

import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import SimpleNamespace
from typing import Any

from ml_collections import ConfigDict, config_dict

from ganjax import schema
from ganjax.schema import Key


class ConfigError(Exception):
    """A config, argument or data set that cannot be used, said in one line."""


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
        fitting = [slot] if slot else [s for s, words in slots.items() if value in words]
        if not fitting or value not in slots.get(fitting[0], ()):
            legal = "; ".join(f"{s}: {', '.join(words)}" for s, words in slots.items())
            raise ConfigError(f"argument {word!r} is unknown; known are {legal}")
        if fitting[0] in chosen:
            first = chosen[fitting[0]]
            raise ConfigError(f"arguments {first!r} and {value!r} exclude each other")
        chosen[fitting[0]] = value
    return SimpleNamespace(**{s: chosen.get(s, words[0]) for s, words in slots.items()})


def section(rows: Mapping[str, Any], name: str, **values: Any) -> ConfigDict:
    """The section `{name, **keys}` of a table of the schema, defaults filled in."""
    return ConfigDict({"name": name} | _defaults(_keys(rows[name])) | values)


def _keys(row: Any) -> dict[str, Key]:
    return row.keys if isinstance(row, schema.Row) else row


def _defaults(keys: Mapping[str, Key]) -> dict[str, Any]:
    return {
        name: key.default if key.kind is None else config_dict.placeholder(key.kind)
        for name, key in keys.items()
    }


def penalty(name: str, **values: Any) -> ConfigDict:
    """The section of one penalty, to be set as `config.penalties.<name>`."""
    return ConfigDict(_defaults(schema.PENALTIES[name]) | values)


def schedule(shape: str, final: float) -> ConfigDict:
    """A number's `<number>_schedule`; `final` is its factor at the end of the run."""
    return ConfigDict({"shape": shape, "final": final})


def defaults(
    *,
    data: str,
    network: str,
    objective: str,
    optimizer: str = "adam",
    play: str = "alternating",
    game: str = "adversarial",
) -> ConfigDict:
    """A whole config from the names of its parts, every key at its default."""
    players = schema.PLAYERS[game]
    networks = schema.NETWORKS[network]
    config = ConfigDict(_defaults(schema.RUN))
    config.data = section(schema.SOURCES, data)
    config.game = section(schema.GAMES, game)
    config.networks = ConfigDict(
        {p: {"name": network} | _defaults(networks[p]) for p in players}
    )
    config.objective = section(schema.OBJECTIVES, objective)
    config.penalties = ConfigDict()
    config.optimizers = ConfigDict(
        {p: section(schema.OPTIMIZERS, optimizer) for p in players}
    )
    config.average = ConfigDict({"generator": _defaults(schema.AVERAGE)})
    config.schedule = section(schema.SCHEDULES, play)
    config.parallel = ConfigDict(_defaults(schema.PARALLEL))
    config.record = ConfigDict(_defaults(schema.RECORD))
    config.evaluation = ConfigDict(_defaults(schema.EVALUATION))
    return config


def validate(config: ConfigDict) -> dict[str, Any]:
    """Checks every key and returns the config as plain nested dicts.

    Raises:
      ConfigError: unknown or missing key, wrong type, value outside its range, name
        that is in no table, or an objective that needs what the game or the data does
        not make; in one line that names the key.
    """
    plain = config.to_dict()
    sections = {
        "data": lambda at, x: _named(at, x, schema.SOURCES),
        "game": lambda at, x: _named(at, x, schema.GAMES),
        "objective": lambda at, x: _named(at, x, schema.OBJECTIVES),
        "schedule": lambda at, x: _named(at, x, schema.SCHEDULES),
        "parallel": lambda at, x: _checked(at, x, schema.PARALLEL),
        "record": lambda at, x: _checked(at, x, schema.RECORD),
        "evaluation": lambda at, x: _checked(at, x, schema.EVALUATION),
        "networks": lambda at, x: _each(at, x, players, _network),
        "optimizers": lambda at, x: _each(at, x, players, _optimizer),
        "average": lambda at, x: _each(
            at, x, tuple(p for p in players if p in x), _average
        ),
        "penalties": lambda at, x: _each(
            at, x, tuple(p for p in schema.PENALTIES if p in x), _penalty
        ),
    }
    run = {key: value for key, value in plain.items() if key not in sections}
    checked = _checked("config", run, schema.RUN, also=tuple(sections))
    _required("config", plain, sections)
    checked["game"] = sections["game"]("config.game", plain["game"])
    players = schema.PLAYERS[checked["game"]["name"]]
    for name, check in sections.items():
        checked[name] = check(f"config.{name}", plain[name])
    _check_together(checked)
    return checked


def _check_together(config: Mapping[str, Any]) -> None:
    data, game, objective = config["data"], config["game"], config["objective"]
    if data["name"] == "mixture":
        counts = {key: len(data[key]) for key in ("means", "sds", "weights")}
        if len(set(counts.values())) > 1 or not counts["means"]:
            raise ConfigError(f"config.data: one of each per component, not {counts}")
        if len({len(mean) for mean in data["means"]}) > 1:
            raise ConfigError("config.data.means: points of different dimensions")
    needed = set(schema.OBJECTIVES[objective["name"]].fields)
    unmade = needed - set(schema.GAMES[game["name"]].fields)
    if unmade:
        raise ConfigError(
            f"config.objective: {objective['name']} reads {', '.join(sorted(unmade))}, "
            f"which the game {game['name']} does not make"
        )
    if needed & schema.LABEL_FIELDS and data["name"] not in schema.LABELLED:
        raise ConfigError(
            f"config.objective: {objective['name']} needs labels, which the data "
            f"{data['name']} has not; labelled are {', '.join(schema.LABELLED)}"
        )


def _network(at: str, values: Mapping[str, Any]) -> dict[str, Any]:
    player = at.rpartition(".")[2]
    rows = {name: row[player] for name, row in schema.NETWORKS.items() if player in row}
    return _named(at, values, rows)


def _optimizer(at: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return _named(at, values, schema.OPTIMIZERS)


def _average(at: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return _checked(at, values, schema.AVERAGE)


def _penalty(at: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return _checked(at, values, schema.PENALTIES[at.rpartition(".")[2]])


def _each(at: str, values: Any, names: tuple[str, ...], check: Any) -> dict[str, Any]:
    known = schema.PENALTIES if at == "config.penalties" else names
    _known(at, values, known)
    _required(at, values, names)
    return {name: check(f"{at}.{name}", values[name]) for name in names}


def _named(at: str, values: Any, rows: Mapping[str, Any]) -> dict[str, Any]:
    name = values.get("name")
    if name not in rows:
        raise ConfigError(f"{at}.name: {name!r} is none of {', '.join(rows)}")
    rest = {key: value for key, value in values.items() if key != "name"}
    return {"name": name} | _checked(at, rest, _keys(rows[name]))


def _known(at: str, values: Any, names: Iterable[str]) -> None:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{at}: must be a section, not {values!r}")
    names = tuple(names)
    for key in values:
        if key not in names:
            close = get_close_matches(str(key), names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(names)}"
            raise ConfigError(f"{at}.{key}: unknown key; {hint}")


def _required(at: str, values: Mapping[str, Any], names: Iterable[str]) -> None:
    for name in names:
        if name not in values:
            raise ConfigError(f"{at}.{name}: missing")


def _checked(
    at: str,
    values: Mapping[str, Any],
    keys: Mapping[str, Key],
    also: tuple[str, ...] = (),
) -> dict[str, Any]:
    """`values` with every key checked and coerced to its type, in the schema's order."""
    traced = at.split(".")[1] in schema.TRACED if "." in at else False
    schedules = {
        f"{name}_schedule": name
        for name, key in keys.items()
        if traced and float in (type(key.default), key.kind)
    }
    given = {key: value for key, value in values.items() if key not in schedules}
    _known(at, given, (*keys, *also, *schedules))
    _required(at, given, keys)
    checked = {name: _value(f"{at}.{name}", given[name], keys[name]) for name in keys}
    for name, number in schedules.items():
        if name in values and checked[number] is not None:
            checked[name] = _checked(
                f"{at}.{name}", values[name], schema.NUMBER_SCHEDULE
            )
            if checked[name] == {"shape": "exponential", "final": 0.0}:
                raise ConfigError(f"{at}.{name}.final: must lie in (0, inf), not 0")
    return checked


def _value(at: str, value: Any, key: Key) -> Any:
    if key.kind is not None:
        return None if value is None else _like(at, value, key.kind(), key)
    return _like(at, value, key.default, key)


def _like(at: str, value: Any, default: Any, key: Key) -> Any:
    """`value` as the type of `default`, element by element for tuples."""
    if isinstance(default, tuple):
        if not isinstance(value, tuple | list):
            raise ConfigError(f"{at}: must be a tuple such as {default}, not {value!r}")
        return tuple(_like(at, item, default[0], key) for item in value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(default, float) and whole:
        value = float(value)
    if type(value) is not type(default):
        kind = {int: "whole number", float: "number", str: "string", bool: "bool"}
        raise ConfigError(f"{at}: must be a {kind[type(default)]}, not {value!r}")
    if key.choices and value not in key.choices:
        raise ConfigError(f"{at}: {value!r} is none of {', '.join(key.choices)}")
    if key.range and not _within(value, key.range):
        raise ConfigError(f"{at}: must lie in {key.range}, not {value}")
    return value


def _within(value: float, interval: str) -> bool:
    low, high = map(float, interval[1:-1].split(","))
    above = value >= low if interval[0] == "[" else value > low
    below = value <= high if interval[-1] == "]" else value < high
    return above and below and not math.isnan(value)


def numbers(config: Mapping[str, Any]) -> dict[str, Any]:
    """The floats of the traced sections, nested as in a validated config.

    A schedule becomes `{shape: final}`: the shape is structure, so it is a key of the
    tree. `steps` rides along, as schedules read it.
    """

    def floats(tree: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in tree.items():
            if key.endswith("_schedule"):
                found[key] = {value["shape"]: value["final"]}
            elif isinstance(value, Mapping):
                found[key] = floats(value)
            elif isinstance(value, float):
                found[key] = value
        return found

    traced = {name: floats(config[name]) for name in schema.TRACED}
    return traced | {"steps": float(config["steps"])}


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys to values."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def check_resumable(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Checks that a run begun with config `old` may go on with `new`.

    Raises:
      ConfigError: names the keys whose change would make it another run.
    """
    before, after = flatten(old), flatten(new)
    scheduled = any("_schedule." in key for key in after)
    changed = []
    for key in sorted(before.keys() | after.keys()):
        # JSON knows no tuples.
        was, now = _listed(before.get(key)), _listed(after.get(key))
        longer = key == "steps" and not scheduled and now >= was
        free = any(f"{key}.".startswith(f"{name}.") for name in schema.RESUMABLE)
        if was != now and not longer and not free:
            changed.append(f"{key} was {was}, is {now}")
    if changed:
        raise ConfigError("; ".join(changed))


def _listed(value: Any) -> Any:
    return list(map(_listed, value)) if isinstance(value, tuple | list) else value

"""Checks a config against the schema, and takes it apart. No jax."""

import ctypes
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from ml_collections import ConfigDict

from ganjax.config import schema
from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import KINDS, Catalogue, Key, Part, keys_of, rows, within
from ganjax.config.completion import completed
from ganjax.config.consistency import check_consistent
from ganjax.config.experiment import ConfigError, shown
from ganjax.config.loading import TYPES, flatten

_SECTIONS = (
    *("data", "game", "networks", "augment", "objective", "penalties", "corrections"),
    *("optimizers", "ema", "play", "parallel", "record", "evaluation"),
    "measures",
)


def validate(config: ConfigDict, catalogue: Catalogue = BUILT_IN) -> dict[str, Any]:
    """Checks every key and returns the config as plain nested dicts.

    Args:
      config: as an experiment file makes it.
      catalogue: the parts that it may name.

    Raises:
      ConfigError: unknown or missing key, wrong type, value outside its range, name
        that is in no table, or parts that do not go together; in one line that names
        the key.
    """
    given = config.to_dict()
    _check_keys("config", given, (*schema.RUN, *_SECTIONS))

    def named(kind: str, at: str, values: Any, player: str = "") -> dict[str, Any]:
        return _named(f"config.{at}", values, rows(catalogue, kind, player), catalogue)

    def listed(kind: str) -> dict[str, Any]:
        at = KINDS[kind]
        found = rows(catalogue, kind)
        return _chosen(f"config.{at}", given[at], found, catalogue)

    game = named("game", "game", given["game"])
    players = rows(catalogue, "game")[game["name"]].players
    _check_keys("config.networks", given["networks"], players)
    _check_keys("config.optimizers", given["optimizers"], players)
    _check_keys("config.ema", given["ema"], players, required=False)
    checked = {
        **_checked("config", {key: given[key] for key in schema.RUN}, schema.RUN),
        "data": named("data", "data", given["data"]),
        "game": game,
        "networks": {
            player: named("network", f"networks.{player}", section, player)
            for player, section in given["networks"].items()
        },
        "objective": named("objective", "objective", given["objective"]),
        "augment": listed("augmentation"),
        "penalties": listed("penalty"),
        "corrections": listed("correction"),
        "optimizers": {
            player: named("optimizer", f"optimizers.{player}", section)
            for player, section in given["optimizers"].items()
        },
        "ema": {
            player: _checked(f"config.ema.{player}", section, schema.EMA)
            for player, section in given["ema"].items()
        },
        "play": named("play", "play", given["play"]),
        "parallel": _checked("config.parallel", given["parallel"], schema.PARALLEL),
        "record": _checked("config.record", given["record"], schema.RECORD),
        "evaluation": _checked(
            "config.evaluation", given["evaluation"], schema.EVALUATION
        ),
        "measures": listed("measure"),
    }
    check_consistent(checked, catalogue)
    return checked


def revalidate(
    config: Mapping[str, Any], catalogue: Catalogue = BUILT_IN
) -> dict[str, Any]:
    """`validate`, of a config as a run's `config.json` has it, however old."""
    return validate(ConfigDict(completed(config, catalogue)), catalogue)


def _check_section(at: str, values: Any) -> None:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{at}: must be a section, not {shown(values)}")


def _check_keys(
    at: str, values: Any, names: Iterable[str], *, required: bool = True
) -> None:
    """Checks that `values` has no key but `names`, and each of them if required."""
    _check_section(at, values)
    names = tuple(names)
    for key in values:
        if key not in names:
            close = get_close_matches(str(key), names, n=1)
            hint = f"did you mean {close[0]}" if close else f"known: {', '.join(names)}"
            raise ConfigError(f"{at}.{key}: unknown key; {hint}")
    for name in names:
        if required and name not in values:
            raise ConfigError(f"{at}.{name}: missing")


def _chosen(
    at: str, values: Any, found: Mapping[str, Part], catalogue: Catalogue
) -> dict[str, Any]:
    """The checked sections `{name: keys}`, each of a part."""
    _check_keys(at, values, found, required=False)
    return {
        name: _checked(f"{at}.{name}", section, keys_of(catalogue, found[name]))
        for name, section in values.items()
    }


def _named(
    at: str, values: Any, found: Mapping[str, Part], catalogue: Catalogue
) -> dict[str, Any]:
    """A checked section `{name, **keys}` of a part."""
    _check_section(at, values)
    name = values.get("name", "")
    if name not in tuple(found):
        raise ConfigError(f"{at}.name: {shown(name)} is none of {', '.join(found)}")
    rest = {key: value for key, value in values.items() if key != "name"}
    return {"name": name} | _checked(at, rest, keys_of(catalogue, found[name]))


def _checked(at: str, values: Any, keys: Mapping[str, Key]) -> dict[str, Any]:
    """`values`, each checked and made its key's type, in the schema's order."""
    _check_section(at, values)
    schedules = _schedules_of(at, keys)
    plain, scheduled = dict(values), {}
    for name in schedules:
        if name in plain:
            scheduled[name] = plain.pop(name)
    _check_keys(at, plain, keys)
    checked = {name: _value(f"{at}.{name}", plain[name], keys[name]) for name in keys}
    for name, section in scheduled.items():
        where = f"{at}.{name}"
        checked[name] = _checked(where, section, schema.NUMBER_SCHEDULE)
        number = checked[schedules[name]]
        _check_schedule(where, checked[name], number, keys[schedules[name]])
    return checked


def _check_schedule(
    at: str, schedule: Mapping[str, Any], number: float | None, key: Key
) -> None:
    if number is None:
        raise ConfigError(f"{at}: its number is not set")
    final = schedule["final"]
    if schedule["shape"] == "exponential" and final == 0:
        raise ConfigError(f"{at}.final: must lie in (0, inf), not 0")
    # The last step does not reach the end, so that a rate may fall to 0.
    closed = f"[{key.range[1:-1]}]"
    if not within(number * final, closed):
        raise ConfigError(
            f"{at}.final: leads to {number} * {final}, which must lie in {closed}"
        )


def _schedules_of(at: str, keys: Mapping[str, Key]) -> dict[str, str]:
    """The schedules that a section may hold, each with its number."""
    if at.endswith("_schedule"):
        return {}
    if not any(f"{at}.".startswith(f"config.{name}.") for name in schema.TRACED):
        return {}
    return {
        f"{name}_schedule": name
        for name, key in keys.items()
        if float in (type(key.default), key.kind)
    }


def _value(at: str, value: Any, key: Key) -> Any:
    if key.kind is not None:
        return None if value is None else _like(at, value, key.kind(), key)
    return _like(at, value, key.default, key)


def _like(at: str, value: Any, default: Any, key: Key) -> Any:
    """`value` as the type of `default`, element by element for tuples."""
    if isinstance(default, tuple):
        if not isinstance(value, tuple | list):
            raise ConfigError(
                f"{at}: must be a tuple such as {default}, not {shown(value)}"
            )
        if not value:
            raise ConfigError(f"{at}: must not be empty")
        return tuple(_like(at, item, default[0], key) for item in value)
    if isinstance(default, float) and type(value) is int:
        if abs(value) > sys.float_info.max:
            raise ConfigError(f"{at}: {shown(value)} is too large for a float")
        value = float(value)
    if isinstance(value, str) and "\0" in value:
        raise ConfigError(f"{at}: {shown(value)} holds a NUL character")
    if type(value) is not type(default):
        raise ConfigError(f"{at}: must be {TYPES[type(default)]}, not {shown(value)}")
    if key.choices and value not in key.choices:
        raise ConfigError(
            f"{at}: {shown(value)} is none of {', '.join(map(str, key.choices))}"
        )
    if key.range and not within(value, key.range):
        raise ConfigError(f"{at}: must lie in {key.range}, not {shown(value)}")
    # What the program reads: there 1e-50 is 0, 1e50 infinite and 0.999999999 is 1.
    single = ctypes.c_float(value).value if isinstance(value, float) else value
    if key.range and not within(single, key.range):
        raise ConfigError(
            f"{at}: must lie in {key.range}, not {value}, in float32 {single}"
        )
    return value


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


def check_resumable(
    old: Mapping[str, Any], new: Mapping[str, Any], catalogue: Catalogue = BUILT_IN
) -> None:
    """Checks that a run begun with config `old` may resume with `new`.

    A key that the schema has gained since `old` was written had its default there.

    Raises:
      ConfigError: names the keys whose change would make it another run.
    """
    before, after = flatten(completed(old, catalogue)), flatten(new)
    scheduled = any("_schedule." in key for key in after)
    changed = []
    for key in sorted(before.keys() | after.keys()):
        # JSON knows no tuples.
        was, now = _listed(before.get(key)), _listed(after.get(key))
        longer = key == "steps" and not scheduled and was is not None and now >= was
        free = any(f"{key}.".startswith(f"{name}.") for name in schema.RESUMABLE)
        if was != now and not longer and not free:
            changed.append(f"{key} was {was}, is {now}")
    if changed:
        raise ConfigError("; ".join(changed))


def _listed(value: Any) -> Any:
    return list(map(_listed, value)) if isinstance(value, tuple | list) else value

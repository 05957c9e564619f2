"""Configs: how experiment files write them, and how they are loaded. No jax."""

import traceback
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_dict, config_flags

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
        if not slot:
            slot = next((s for s, words in slots.items() if value in words), "")
        if value not in slots.get(slot, ()):
            legal = "; ".join(f"{s}: {', '.join(words)}" for s, words in slots.items())
            raise ConfigError(f"argument {word!r} is unknown; known are {legal}")
        if slot in chosen:
            raise ConfigError(f"arguments {chosen[slot]} and {value} are both {slot}")
        chosen[slot] = value
    return SimpleNamespace(**{s: chosen.get(s, words[0]) for s, words in slots.items()})


def load(location: str, overrides: Sequence[str] = ()) -> ConfigDict:
    """The config of an experiment file, `file.py` or `file.py:argument`.

    Args:
      location: the file, whose `get_config(argument)` is called.
      overrides: "dotted.key=value", in order.

    Raises:
      ConfigError: no such file, an error in the file, or an override that names no key
        of the config or cannot be read as that key's type.
    """
    base = flatten(_parse_flags(location).to_dict())
    readable = []
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise ConfigError(f"--config.{key}: write --config.{key}=VALUE")
        if key not in base:
            close = get_close_matches(key, base, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ConfigError(f"--config.{key}: {location} has no such key{hint}")
        if key.rpartition(".")[2] == "name":
            path = location.partition(":")[0]
            raise ConfigError(
                f"--config.{key}: names choose the program, not a value; give them as "
                f"the experiment's argument, such as --config={path}:{value}"
            )
        readable.append(f"{key}={_readable(key, value, base[key])}")
    return _parse_flags(location, readable)


def _parse_flags(location: str, overrides: Sequence[str] = ()) -> ConfigDict:
    path = location.partition(":")[0]
    if not Path(path).is_file():
        raise ConfigError(f"--config: there is no file {path}")
    argv = ["", f"--config={location}", *(f"--config.{text}" for text in overrides)]
    holder = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=holder, sys_argv=argv)
    try:
        holder(argv)
    except flags.Error as error:
        raise ConfigError(str(error)) from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except Exception as error:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).resolve() == Path(path).resolve()
        ]
        where = f"{path}:{lines[-1]}" if lines else path
        raise ConfigError(f"{where}: {type(error).__name__}: {error}") from error
    return holder.config


def _readable(key: str, text: str, default: Any) -> str:
    """`text` as the flag parser reads it; 1e3 is a common way to write a count."""
    if type(default) not in (int, float):
        return text
    try:
        number = float(text)
    except ValueError:
        raise ConfigError(f"--config.{key}: must be a number, not {text!r}") from None
    if type(default) is float:
        return text
    if not number.is_integer():
        raise ConfigError(f"--config.{key}: must be a whole number, not {text}")
    return str(int(number))


def section(rows: Mapping[str, Any], name: str, **values: Any) -> ConfigDict:
    """The section `{name, **keys}` of a table of the schema, defaults filled in."""
    return ConfigDict({"name": name} | _defaults(keys_of(rows[name])) | values)


def keys_of(row: Any) -> dict[str, Key]:
    """The keys of a row of the schema, whatever else the row holds."""
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


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys to values."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat

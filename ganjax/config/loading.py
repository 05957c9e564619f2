"""How configs are loaded: from an experiment file, with overrides. No jax."""

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

from ml_collections import ConfigDict

from ganjax.config import experiment
from ganjax.config.experiment import ConfigError, shown

# What values of keys are called.
TYPES = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "a string",
    tuple: "a tuple such as (64, 64)",
}

# What other programs call keys of ours.
_ALIASES = {
    "lr": "learning_rate",
    "bs": "batch_size",
    "batchsize": "batch_size",
    "beta1": "b1",
    "beta2": "b2",
    "iterations": "steps",
    "max_steps": "steps",
    "latent_dim": "latent_size",
    "z_dim": "latent_size",
    "nz": "latent_size",
}


def load(location: str, overrides: Sequence[str] = ()) -> ConfigDict:
    """The config of an experiment file, `file.py` or `file.py:argument`.

    Args:
      location: the file, whose `get_config(argument)` is called.
      overrides: "dotted.key=value", in order; "None" unsets an optional number.

    Raises:
      ConfigError: no such file, an error in the file, or an override that names no key
        of the config or cannot be read as that key's type.
    """
    config = _get_config(location)
    override(config, overrides, location)
    return config


def override(config: ConfigDict, overrides: Sequence[str], location: str) -> None:
    """Sets values of the config that `location` gave; raises as `load` does."""
    values = flatten(config.to_dict())
    for words in overrides:
        key, equals, text = words.partition("=")
        if not equals:
            raise ConfigError(f"--config.{key}: write --config.{key}=VALUE")
        at, _, last = key.rpartition(".")
        if last == "name" or f"{key}.name" in values:
            raise ConfigError(
                f"--config.{key}: names choose the program, not a value"
                f"{_argument_for(key, text, location)}"
            )
        if key not in values:
            raise ConfigError(f"--config.{key}: {_no_such_key(key, values, location)}")
        holder = config[at] if at else config
        holder[last] = _read(f"--config.{key}", text, holder.get_type(last))


def _get_config(location: str) -> ConfigDict:
    config = experiment.get_config(location)
    if not isinstance(config, ConfigDict):
        path = experiment.split(location)[0]
        raise ConfigError(
            f"{path}: get_config returns {shown(config)}, not a ConfigDict"
        )
    return config


def _argument_for(key: str, text: str, location: str) -> str:
    """A hint at the argument of that name, where the experiment takes it."""
    path = experiment.split(location)[0]
    if not path.endswith(".py"):
        return ""  # the config of a run, which is data: it is not run for a hint
    at = f"{path}:{text}"
    with suppress(ConfigError):
        made = flatten(_get_config(at).to_dict())
        if text in (made.get(key), made.get(f"{key}.name")):
            return f"; give it as the experiment's argument, such as --config={at}"
    return ""


def _no_such_key(key: str, keys: Iterable[str], location: str) -> str:
    at, _, last = key.rpartition(".")
    last = _ALIASES.get(last, last)
    alike = [other for other in keys if other.rpartition(".")[2] == last]
    beside = f"{at}.{last}" if at else last
    alike = [beside] if beside in alike else alike
    alike = alike or get_close_matches(key, keys, n=1)
    hint = f"; did you mean {' or '.join(alike[:3])}?" if alike else ""
    return f"{location} has no such key{hint}"


def _read(at: str, text: str, kind: type) -> Any:
    if text == "None":
        return None
    try:
        return _READERS.get(kind, ast.literal_eval)(text)
    except (ValueError, KeyError, SyntaxError, TypeError, MemoryError, RecursionError):
        what = TYPES.get(kind, "a value")
        raise ConfigError(f"{at}: must be {what}, not {shown(text)}") from None


def _count(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        number = float(text)  # 1e3 is a common way to write a count
    if not number.is_integer():
        raise ValueError
    return int(number)


def _tuple(text: str) -> tuple:
    value = ast.literal_eval(text)
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _truth(text: str) -> bool:
    return {"true": True, "false": False, "1": True, "0": False}[text.lower()]


_READERS: dict[type, Callable[[str], Any]] = {
    int: _count,
    float: float,
    str: str,
    bool: _truth,
    tuple: _tuple,
    list: _tuple,
}


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys to values."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat

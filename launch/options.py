"""Options of a back end: a TOML file, then `--options.KEY=VALUE`; its table checks."""

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ganjax.config.experiment import ConfigError


class Option(NamedTuple):
    """One option: its default, whose type its values have, and what it says."""

    default: str | int | bool | tuple[str, ...]
    help: str


Table = Mapping[str, Option]


def read_options(
    backend: str,
    table: Table,
    path: str | None,
    given: Sequence[str],
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """All options of a back end: defaults, then the file's, then the command line's.

    Args:
      backend: its name, for messages.
      table: its options.
      path: of a TOML file, or None.
      given: "KEY=VALUE" each; a list takes one value each time that its key is given.
      before: what is taken in place of the defaults, where there is no file.

    Raises:
      ConfigError: the file cannot be read; an option that there is not, or a value of
        another type.
    """
    options: dict[str, Any] = {
        name: option.default if path or not before else before.get(name, option.default)
        for name, option in table.items()
    }
    if path:
        try:
            found = tomllib.loads(Path(path).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"--options: {path}: {error}") from error
        for key, value in found.items():
            own = _option(backend, table, key, path)
            options[key] = _checked(own, value, f"{path}: {key}")
    lists: set[str] = set()
    for words in given:
        key, is_given, text = words.partition("=")
        own = _option(backend, table, key, f"--options.{key}")
        if not is_given:
            raise ConfigError(f"--options.{key}: write --options.{key}=VALUE")
        if isinstance(own.default, tuple):
            others = options[key] if key in lists else ()
            options[key] = (*others, text)
            lists.add(key)
        else:
            options[key] = _parsed(own, text, f"--options.{key}")
    return options


def _option(backend: str, table: Table, key: str, where: str) -> Option:
    if key not in table:
        near = difflib.get_close_matches(key, table, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        known = ", ".join(table)
        raise ConfigError(
            f"{where}: {backend} has no option {key!r}{hint} (it has {known})"
        )
    return table[key]


def _parsed(option: Option, text: str, where: str) -> Any:
    if isinstance(option.default, str):
        return text
    try:
        return _checked(option, json.loads(text), where)
    except json.JSONDecodeError:
        return _checked(option, text, where)


def _checked(option: Option, value: Any, where: str) -> Any:
    kind: type = type(option.default)
    if kind is tuple:
        if isinstance(value, list) and all(isinstance(x, str) for x in value):
            return tuple(value)
        raise ConfigError(f'{where}: must be a list of strings, as ["a", "b"]')
    if type(value) is not kind or (isinstance(value, int) and value < 0):
        words = {str: "a string", bool: "true or false", int: "a whole number from 0"}
        raise ConfigError(f"{where}: must be {words[kind]}, not {value!r}")
    return value

"""The keys of a part's section, by the signature of its builder. No jax."""

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from ganjax.config.catalogue import Key, interval_of
from ganjax.config.experiment import ConfigError, shown

_WHOLE = "[-2147483648, 2147483647]"
_REAL = "(-inf, inf)"
_OF_MODULES = ("parent", "name")  # fields that flax gives each of them

Function = Callable[..., Any]


def positional(where: str, function: Function, known: Iterable[str]) -> list[str]:
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


def keys_of_builder(
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
                f"{where}: None is off; say of what type it is otherwise, such as "
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

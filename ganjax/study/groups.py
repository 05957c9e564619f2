"""Runs by what they have in common, and what such groups are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ganjax.study.runs import Run, setting

# What runs are grouped by: a dotted key of the config, or a function of a run.
Key = str | Callable[[Run], Any]
Keys = Key | Sequence[Key] | Mapping[str, Key]


def group_by(runs: Iterable[Run], *keys: Key) -> dict[Any, list[Run]]:
    """Runs by the values of settings, in order of appearance.

    Args:
      runs: of one sweep, or of several.
      *keys: dotted keys of the config, or functions of a run.

    Returns:
      By value the runs that have it; with more or fewer keys than one, values are
      tuples.
    """
    groups: dict[Any, list[Run]] = {}
    for run in runs:
        values = tuple(
            _hashable(key(run) if callable(key) else setting(run, key)) for key in keys
        )
        groups.setdefault(values[0] if len(keys) == 1 else values, []).append(run)
    return groups


def words(value: Any) -> str:
    """A value as tables and legends show it: "batch norm" for "batch_norm"."""
    if isinstance(value, tuple | list):
        return ", ".join(map(words, value))
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).replace("_", " ")


def named(keys: Keys) -> dict[str, Key]:
    """Keys by the heads of their columns, which a mapping gives itself.

    That of a key of the config is its last word, or the one before "name"; that of a
    function is its name.
    """
    if isinstance(keys, Mapping):
        return dict(keys)
    if isinstance(keys, str) or callable(keys):
        keys = (keys,)
    return {_head(key): key for key in keys}


def label(keys: Mapping[str, Key], values: Any) -> str:
    """What a group of `group_by` is called; numbers with the head of their column."""
    each = (values,) if len(keys) == 1 else values
    return ", ".join(
        words(value) if isinstance(value, str) else f"{head} {words(value)}"
        for head, value in zip(keys, each, strict=True)
    )


def _head(key: Key) -> str:
    if callable(key):
        return words(key.__name__.strip("_"))
    return words(key.removesuffix(".name").rpartition(".")[2])


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value

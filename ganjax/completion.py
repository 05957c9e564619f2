"""Configs of older run folders, brought up to today's schema. No jax."""

from collections.abc import Mapping
from typing import Any

from ganjax import schema
from ganjax.config import keys_of
from ganjax.schema import Key

_NAMED: dict[str, Mapping[str, Any]] = {
    "data": schema.SOURCES,
    "game": schema.GAMES,
    "objective": schema.OBJECTIVES,
    "schedule": schema.SCHEDULES,
}
_CHOSEN = {
    "augment": schema.AUGMENTATIONS,
    "penalties": schema.PENALTIES,
    "corrections": schema.CORRECTIONS,
}
_PLAIN = {
    "parallel": schema.PARALLEL,
    "record": schema.RECORD,
    "evaluation": schema.EVALUATION,
}


def completed(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config with every key that the schema has gained since it was written.

    Each takes its default, which is what the program did before it had the key. What
    the schema does not know is left as it is.
    """
    whole = {key: row.default for key, row in schema.RUN.items()} | dict(config)
    players = {
        "networks": lambda player: {
            name: row.get(player, {}) for name, row in schema.NETWORKS.items()
        },
        "optimizers": lambda player: schema.OPTIMIZERS,
    }
    for section, rows in _NAMED.items():
        whole[section] = _named(whole.get(section), rows)
    for section, rows_of in players.items():
        whole[section] = {
            player: _named(values, rows_of(player))
            for player, values in _sections(whole.get(section))
        }
    for section, rows in _CHOSEN.items():
        whole[section] = {
            name: _filled(values, rows.get(name, {}))
            for name, values in _sections(whole.get(section))
        }
    whole["average"] = {
        player: _filled(values, schema.AVERAGE)
        for player, values in _sections(whole.get("average"))
    }
    for section, keys in _PLAIN.items():
        whole[section] = _filled(whole.get(section, {}), keys)
    return whole


def _sections(values: Any) -> list[tuple[str, Any]]:
    return list((values or {}).items())


def _named(values: Any, rows: Mapping[str, Any]) -> Any:
    if not isinstance(values, Mapping):
        return values
    return _filled(values, keys_of(rows.get(str(values.get("name")), {})))


def _filled(values: Any, keys: Mapping[str, Key]) -> Any:
    if not isinstance(values, Mapping):
        return values
    missing = {key: row.default for key, row in keys.items() if key not in values}
    return {**values, **missing}

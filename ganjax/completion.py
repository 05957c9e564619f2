"""Configs of older run folders, brought up to today's schema. No jax."""

from collections.abc import Callable, Mapping
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
    "average": dict.fromkeys(("generator", "encoder", "discriminator"), schema.AVERAGE),
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
    whole = _filled(config, schema.RUN)
    for section, rows in _NAMED.items():
        whole[section] = _named(whole.get(section), rows)
    whole["networks"] = _each(whole.get("networks", {}), _network)
    whole["optimizers"] = _each(
        whole.get("optimizers", {}), lambda _, values: _named(values, schema.OPTIMIZERS)
    )
    for section, rows in _CHOSEN.items():
        fill = lambda name, values, rows=rows: _filled(values, rows.get(name, {}))  # noqa: E731
        whole[section] = _each(whole.get(section, {}), fill)
    for section, keys in _PLAIN.items():
        whole[section] = _filled(whole.get(section, {}), keys)
    return whole


def _each(sections: Any, fill: Callable[[str, Any], Any]) -> Any:
    if not isinstance(sections, Mapping):
        return sections
    return {name: fill(name, values) for name, values in sections.items()}


def _network(player: str, values: Any) -> Any:
    rows = {name: row.get(player, {}) for name, row in schema.NETWORKS.items()}
    return _named(values, rows)


def _named(values: Any, rows: Mapping[str, Any]) -> Any:
    if not isinstance(values, Mapping):
        return values
    return _filled(values, keys_of(rows.get(str(values.get("name")), {})))


def _filled(values: Any, keys: Mapping[str, Key]) -> Any:
    if not isinstance(values, Mapping):
        return values
    missing = {key: row.default for key, row in keys.items() if key not in values}
    return {**values, **missing}

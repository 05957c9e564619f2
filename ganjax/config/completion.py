"""Configs of older run folders, brought up to today's schema. No jax."""

from collections.abc import Callable, Mapping
from typing import Any

from ganjax.config import keys_of, schema
from ganjax.config.schema import Key

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
    "ema": dict.fromkeys(("generator", "encoder", "discriminator"), schema.EMA),
}
_PLAIN = {
    "parallel": schema.PARALLEL,
    "record": schema.RECORD,
    "evaluation": schema.EVALUATION,
}


# What names of before are today.
_PENALTIES = {
    "interpolated_gradient": "wgan_gp",
    "one_sided_interpolated_gradient": "wgan_lp",
    "real_gradient": "r1",
    "fake_gradient": "r2",
    "perturbed_gradient": "dragan",
    "gradient_norm": "real_gradient_norm",
}


def renamed(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config by today's names: `average` is `ema`, and penalties have new ones."""
    whole = {"ema" if key == "average" else key: x for key, x in config.items()}
    if isinstance(penalties := whole.get("penalties"), Mapping):
        named = {_PENALTIES.get(name, name): x for name, x in penalties.items()}
        whole["penalties"] = named
    return whole


def completed(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config with every key that the schema has gained since it was written.

    Each takes its default, which is what the program did before it had the key. What
    the schema does not know is left as it is.
    """
    whole = _filled(renamed(config), schema.RUN)
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

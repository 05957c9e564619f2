"""Configs of older run folders, brought up to today's keys. No jax."""

from collections.abc import Mapping
from typing import Any

from ganjax.config import schema
from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import KINDS, Catalogue, Key, Part, keys_of, rows
from ganjax.config.chosen import can_take

_BY_NAME = ("data", "game", "objective", "play")
_BY_PLAYER = ("network", "optimizer")
_LISTED = ("augmentation", "penalty", "correction", "measure")
_PLAIN = {
    "parallel": schema.PARALLEL,
    "record": schema.RECORD,
    "evaluation": schema.EVALUATION,
}

# What older names are today.
_SECTIONS = {"average": "ema", "schedule": "play"}
_PENALTIES = {
    "interpolated_gradient": "wgan_gp",
    "one_sided_interpolated_gradient": "wgan_lp",
    "real_gradient": "r1",
    "fake_gradient": "r2",
    "perturbed_gradient": "dragan",
    "gradient_norm": "real_gradient_norm",
}


def renamed(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config by today's names of sections and of penalties."""
    whole = {_SECTIONS.get(key, key): x for key, x in config.items()}
    if isinstance(penalties := whole.get("penalties"), Mapping):
        named = {_PENALTIES.get(name, name): x for name, x in penalties.items()}
        whole["penalties"] = named
    return whole


def renamed_key(key: str) -> str:
    """A dotted key by today's names, as `renamed` has them."""
    section, *rest = key.split(".")
    section = _SECTIONS.get(section, section)
    if section == "penalties" and rest:
        rest[0] = _PENALTIES.get(rest[0], rest[0])
    return ".".join((section, *rest))


def completed(
    config: Mapping[str, Any], catalogue: Catalogue = BUILT_IN
) -> dict[str, Any]:
    """A config by today's names, with the keys that are newer than it.

    Each takes its default, which is what the program did before it had the key. Unknown
    keys are left as they are.
    """
    whole = _filled(renamed(config), schema.RUN)

    def named(kind: str, values: Any, player: str = "") -> Any:
        name = str(values.get("name")) if isinstance(values, Mapping) else ""
        return _filled(values, _keys(catalogue, kind, name, player))

    for kind in _BY_NAME:
        whole[KINDS[kind]] = named(kind, whole.get(KINDS[kind]))
    for kind in _BY_PLAYER:
        whole[KINDS[kind]] = {
            player: named(kind, values, player if kind == "network" else "")
            for player, values in _items(whole.get(KINDS[kind], {}))
        }
    if "measures" not in whole:
        whole["measures"] = {name: {} for name in _measures(whole, catalogue)}
    for kind in _LISTED:
        whole[KINDS[kind]] = {
            name: _filled(values, _keys(catalogue, kind, name))
            for name, values in _items(whole.get(KINDS[kind], {}))
        }
    ema = _items(whole.get("ema", {}))
    whole["ema"] = {player: _filled(values, schema.EMA) for player, values in ema}
    for section, keys in _PLAIN.items():
        whole[section] = _filled(whole.get(section, {}), keys)
    return whole


def _measures(config: Mapping[str, Any], catalogue: Catalogue) -> list[str]:
    """All that can be taken: what was done before measures were chosen."""
    game, data = (
        rows(catalogue, kind).get(str(dict(_items(config.get(kind))).get("name")))
        for kind in ("game", "data")
    )
    if game is None or data is None:
        return []
    found = rows(catalogue, "measure").items()
    return [name for name, row in found if can_take(row, game, data)]


def _items(sections: Any) -> list[tuple[str, Any]]:
    return list(sections.items()) if isinstance(sections, Mapping) else []


def _keys(
    catalogue: Catalogue, kind: str, name: str, player: str = ""
) -> Mapping[str, Key]:
    row: Part | None = rows(catalogue, kind, player).get(name)
    return {} if row is None else keys_of(catalogue, row)


def _filled(values: Any, keys: Mapping[str, Key]) -> Any:
    if not isinstance(values, Mapping):
        return values
    missing = {key: row.default for key, row in keys.items() if key not in values}
    return {**values, **missing}


def names_others(config: Mapping[str, Any]) -> bool:
    """Whether a config, however old, names a part that is not built in."""
    config = renamed(config)
    named = [(kind, "", config.get(KINDS[kind])) for kind in _BY_NAME]
    named += [
        (kind, player if kind == "network" else "", section)
        for kind in _BY_PLAYER
        for player, section in _items(config.get(KINDS[kind]))
    ]
    names = [(kind, who, dict(_items(x)).get("name")) for kind, who, x in named]
    for kind in _LISTED:
        names += [(kind, "", name) for name, _ in _items(config.get(KINDS[kind]))]
    objective = dict(_items(config.get("objective")))
    row = rows(BUILT_IN, "objective").get(str(objective.get("name")))
    for key, each in row.keys.items() if row else ():
        if each.part:
            names.append((each.part, "", objective.get(key)))
    return any(
        isinstance(name, str) and name not in rows(BUILT_IN, kind, who)
        for kind, who, name in names
    )

"""The parts that a config names, and whether its measures can be taken. No jax."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ganjax.config.catalogue import Catalogue, Part, rows

# Of the arrays that a measure reads, those that a probe of the game makes.
_PROBES = {
    "sample": "sample",
    "real_score": "score",
    "fake_score": "score",
    "threshold": "score",
    "log_probability": "classify",
    "reconstruction": "reconstruction",
    "log_weights": "log_weights",
}
# And those that some data has.
_KNOWN = frozenset({"density", "distinct"})

# All arrays that a measure may read; see `ganjax.look.evaluate`.
ARRAYS = (*_PROBES, *sorted(_KNOWN), "real", "judged", "label")


class Chosen(NamedTuple):
    """The parts that a config names, those of a player or a list by their names."""

    data: Part
    game: Part
    objective: Part
    play: Part
    networks: dict[str, Part]
    optimizers: dict[str, Part]
    penalties: dict[str, Part]
    corrections: dict[str, Part]
    augment: dict[str, Part]
    measures: dict[str, Part]
    by_key: dict[str, Part]  # of the objective's keys


def choose(config: Mapping[str, Any], catalogue: Catalogue) -> Chosen:
    """The rows of a config whose names are all good."""

    def named(kind: str) -> Part:
        return rows(catalogue, kind)[config[kind]["name"]]

    def listed(section: str, kind: str) -> dict[str, Part]:
        found = rows(catalogue, kind)
        return {name: found[name] for name in config[section]}

    objective = named("objective")
    optimizers = rows(catalogue, "optimizer")
    return Chosen(
        data=named("data"),
        game=named("game"),
        objective=objective,
        play=named("play"),
        networks={
            player: rows(catalogue, "network", player)[section["name"]]
            for player, section in config["networks"].items()
        },
        optimizers={
            player: optimizers[section["name"]]
            for player, section in config["optimizers"].items()
        },
        penalties=listed("penalties", "penalty"),
        corrections=listed("corrections", "correction"),
        augment=listed("augment", "augmentation"),
        measures=listed("measures", "measure"),
        by_key={
            name: rows(catalogue, key.part)[config["objective"][name]]
            for name, key in objective.keys.items()
            if key.part
        },
    )


def parts_of(chosen: Chosen) -> Iterator[Part]:
    """All of them."""
    for value in chosen:
        yield from value.values() if isinstance(value, dict) else (value,)


def can_take(measure: Part, game: Part, data: Part) -> bool:
    """Whether runs of this game on this data may have all that a measure reads."""
    return not lacking(measure, game, data)


def lacking(measure: Part, game: Part, data: Part) -> list[str]:
    """The arrays that a measure reads and that there cannot be."""
    return [
        name
        for name in measure.reads
        if (name in _PROBES and _PROBES[name] not in game.probes)
        or (name in _KNOWN and name not in data.makes)
        or (name == "label" and data.labels != "all")
    ]

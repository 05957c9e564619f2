"""Runs in groups by what differs between them, and their measures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ganjax.config import ranks
from ganjax.config.schema import RESUMABLE
from ganjax.report import text
from ganjax.report.sweeps import FINISHED, SweepRun
from ganjax.study import Floats

MAX_DRAWN = 12  # groups that six colours in two dashes tell apart
# Another folder may hold the same data; it may as well be what is compared.
_FREE = tuple(key for key in RESUMABLE if key != "data.directory")
_SECTIONS = (
    *("objective", "penalties", "data", "game", "networks"),
    *("optimizers", "play", "ema"),
)


class Group(NamedTuple):
    """Runs that differ in their seed alone; `settings` are the texts of the columns.

    `place` is that among the groups that are drawn, each in its own colour and dash;
    None for a group beyond the best `MAX_DRAWN`.
    """

    label: str
    settings: tuple[str, ...]
    runs: Sequence[SweepRun]
    place: int | None


class Comparison(NamedTuple):
    """Groups of runs, and all that differs between them.

    `columns` tell the groups apart; `others` are the differing keys that follow from
    them. `names` are the measures that all finished runs have, the key measure first;
    `ranking` says where the best value of each lies, and the runs do not agree about
    those of them that are `disputed`.
    """

    columns: tuple[str, ...]
    others: tuple[str, ...]
    groups: Sequence[Group]
    names: Sequence[str]
    ranking: ranks.Ranking
    disputed: Sequence[str]


def compare(runs: Sequence[SweepRun]) -> Comparison:
    """Groups runs by what differs between them besides the seed."""
    runs = [run._replace(config=_with_penalties(run.config)) for run in runs]
    configs = [run.config for run in runs]
    keys = sorted(differing(configs), key=_preference)
    columns = _columns(configs, keys)
    grouped: dict[tuple[str, ...], list[SweepRun]] = {}
    for run in runs:
        settings = tuple(setting(run.config, key) for key in columns)
        grouped.setdefault(settings, []).append(run)
    groups = [
        Group(_label(columns, settings, same[0].config), settings, same, None)
        for settings, same in grouped.items()
    ]
    others = tuple(key for key in keys if key not in columns)
    said = [run.content.better for run in runs if run.content is not None]
    ranking, disputed = ranks.ranking_of(said)
    names = _common_measures(runs, ranking)
    return Comparison(
        columns,
        others,
        _placed(groups, names, ranking),
        names,
        ranking,
        [name for name in names if name in disputed],
    )


def setting(config: Mapping[str, Any], key: str) -> str:
    """The text of a value of a flat config; a float without its rounding error."""
    value = config.get(key, text.ABSENT)
    return f"{value:.12g}" if isinstance(value, float) else text.value(value)


def finished(group: Group) -> list[SweepRun]:
    """The runs of a group that are done and evaluated."""
    return [run for run in group.runs if run.state == FINISHED]


def measured(run: SweepRun) -> dict[str, float]:
    """The evaluation of a finished run; a measure that was not finite is NaN."""
    assert run.content is not None
    found = text.flatten(run.content.evaluation["metrics"])
    return {
        name: math.nan if value is None else float(value)
        for name, value in found
        if value is None or isinstance(value, int | float)
    }


def values(group: Group, name: str) -> Floats:
    """A measure of the finished runs of a group."""
    return np.array([measured(run)[name] for run in finished(group)])


def seeds(group: Group) -> str:
    """How many seeds are done: "4", or "2 of 4, 1 diverged, 1 missing"."""
    count, done = len(group.runs), len(finished(group))
    if count == done:
        return str(count)
    states = Counter(run.state for run in group.runs)
    states.pop(FINISHED, None)
    rest = ", ".join(f"{number}\u00a0{state}" for state, number in states.items())
    return f"{done}\u00a0of\u00a0{count}, {rest}"


def cost(group: Group, name: str, ranking: ranks.Ranking) -> float:
    """How far the mean of a measure is from its best; infinite without a value."""
    found = values(group, name)
    mean = float(found.mean()) if len(found) else math.nan
    return ranks.cost(name, mean, ranking)


def best(groups: Sequence[Group], name: str, ranking: ranks.Ranking) -> list[Group]:
    """The best groups by a measure; none where nothing tells the groups apart."""
    costs = [cost(group, name, ranking) for group in groups]
    least = min(costs, default=math.inf)
    winners = [g for g, c in zip(groups, costs, strict=True) if c == least]
    return winners if math.isfinite(least) and len(winners) < len(groups) else []


def _placed(
    groups: Sequence[Group], names: Sequence[str], ranking: ranks.Ranking
) -> list[Group]:
    """Gives the best groups by the key measure their places, in order of appearance."""
    costs = [cost(group, names[0], ranking) if names else 0.0 for group in groups]
    ranked = sorted(range(len(groups)), key=lambda index: costs[index])
    places = {index: place for place, index in enumerate(sorted(ranked[:MAX_DRAWN]))}
    return [group._replace(place=places.get(i)) for i, group in enumerate(groups)]


def _with_penalties(config: Mapping[str, Any]) -> dict[str, Any]:
    """Adds the names of the penalties, which the config has as keys only."""
    names = {key.split(".")[1] for key in config if key.startswith("penalties.")}
    return {**config, "penalties": ", ".join(sorted(names)) or "none"}


def differing(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys, but the seed and what changes no result, that differ between configs.

    Flat configs, by dotted key.
    """
    keys = dict.fromkeys(key for config in configs for key in config)
    return [
        key
        for key in keys
        if key != "seed"
        and not any(f"{key}.".startswith(f"{free}.") for free in _FREE)
        and len({setting(config, key) for config in configs}) > 1
    ]


def _preference(key: str) -> tuple[bool, int, str]:
    """Names first, for values follow from them; then as one reads a config."""
    section = key.partition(".")[0]
    known = section in _SECTIONS
    rank = _SECTIONS.index(section) if known else len(_SECTIONS)
    return not _is_name(key), rank, key


def _is_name(key: str) -> bool:
    return key == "penalties" or key.endswith((".name", ".divergence"))


def _columns(
    configs: Sequence[Mapping[str, Any]], keys: Sequence[str]
) -> tuple[str, ...]:
    """The keys that split the runs further than those before them."""
    chosen: tuple[str, ...] = ()
    parts = 1
    for key in keys:
        found = {tuple(setting(c, k) for k in (*chosen, key)) for c in configs}
        if len(found) > parts:
            chosen, parts = (*chosen, key), len(found)
    return chosen


def _label(
    columns: Sequence[str], settings: Sequence[str], config: Mapping[str, Any]
) -> str:
    if not columns:
        return str(config.get("objective.name", "all runs"))
    lasts = Counter(key.rpartition(".")[2] for key in columns)
    parts = []
    for key, value in zip(columns, settings, strict=True):
        last = key.rpartition(".")[2]
        name = text.words(last) if lasts[last] == 1 else key
        if key == "penalties" and value == "none":
            parts.append("no penalty")
        elif value != text.ABSENT:
            parts.append(value if _is_name(key) else f"{name} {value}")
    return " · ".join(parts)


def _common_measures(runs: Sequence[SweepRun], ranking: ranks.Ranking) -> list[str]:
    sets = [measured(run) for run in runs if run.state == FINISHED]
    common = [name for name in sets[0] if all(name in s for s in sets)] if sets else []
    ranked = [name for name in ranking if name in common]
    return ranked + [name for name in common if name not in ranked]

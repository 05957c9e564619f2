"""Successive halving: at each rung the best runs go on, and the others stay.

Jamieson and Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter
Optimization". All runs are brought to a rung before anything is decided there, so that
a decision depends on results alone, not on who was first.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ganjax.config import experiment
from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import rows
from ganjax.config.chosen import can_take
from ganjax.config.experiment import ConfigError
from ganjax.config.ranks import BEST, cost
from ganjax.record.reading import read_status
from ganjax.record.records import read_records


@dataclass(frozen=True)
class Rung:
    """A rung as `sweep.json` has it.

    `values` are what runs that came there had of `by`, by folder, None for one that
    diverged; `lost` those that do not go on. Both are None until it is decided.
    """

    step: int
    by: str
    keep: float
    values: dict[str, float | None] | None = None
    lost: list[str] | None = None

    def __str__(self) -> str:
        """As messages name it."""
        return f"the best {self.keep:.3g} by {self.by} at step {self.step}"


def read_rungs(location: str, configs: Sequence[Mapping[str, Any]]) -> tuple[Rung, ...]:
    """The rungs that an experiment file names for runs of these flat configs.

    Raises:
      ConfigError: as of `experiment.rungs`, or a rung that these runs cannot have.
    """
    rungs = tuple(Rung(*rung) for rung in experiment.rungs(location))
    for rung in rungs:
        at = f"{location}: halve: "
        if rung.by not in BEST:
            known = ", ".join(BEST)
            raise ConfigError(f"{at}by={rung.by!r} ranks nothing; known: {known}")
        for config in configs:
            if not _can_have(rung.by, config):
                game, data = config["game.name"], config["data.name"]
                raise ConfigError(
                    f"{at}there is no {rung.by} of {data} in the game {game}"
                )
            steps, every = config["steps"], config["record.every"]
            if rung.step >= steps or rung.step % every:
                raise ConfigError(
                    f"{at}step {rung.step} must be a multiple of record.every, "
                    f"{every}, and below steps, {steps}"
                )
    return rungs


def _can_have(number: str, config: Mapping[str, Any]) -> bool:
    """Whether runs of built-in data and game have a number; of others who knows."""
    data = rows(BUILT_IN, "data").get(config["data.name"])
    game = rows(BUILT_IN, "game").get(config["game.name"])
    return (
        data is None
        or game is None
        or any(
            number in part.better and can_take(part, game, data)
            for part in rows(BUILT_IN, "measure").values()
        )
    )


def decide(folder: Path, rung: Rung, runs: Sequence[str]) -> Rung:
    """The rung with what becomes of these runs, which have all come there.

    As many go on as its share of them, rounded up; of equals those that come first.

    Raises:
      ConfigError: a run that has not diverged has no such value.
    """
    values: dict[str, float | None] = {}
    for run in runs:
        found = _found(folder / run, rung)
        if not found and read_status(folder / run).get("state") != "diverged":
            raise ConfigError(
                f"halve: {folder / run} has no {rung.by} of step {rung.step}: it was "
                "beyond before the rung was named, or does not measure it"
            )
        values[run] = found[-1] if found else None

    def rank(run: str) -> float:
        value = values[run]
        return math.inf if value is None else cost(rung.by, value, BEST)

    order = sorted(runs, key=rank)
    kept = math.ceil(round(rung.keep * len(runs), 9))  # 0.07 of 100 are not 8
    return replace(rung, values=values, lost=order[kept:])


def is_judged(run: Path, step: int) -> bool:
    """Whether a run was evaluated after a step."""
    records, _ = read_records(run)
    return any(
        name.startswith("evaluation/")
        for record in records
        if record.values["step"] == step
        for name in record.values
    )


def _found(run: Path, rung: Rung) -> list[float | None]:
    records, _ = read_records(run)
    return [
        record.values[f"evaluation/{rung.by}"]
        for record in records
        if record.values["step"] == rung.step
        and f"evaluation/{rung.by}" in record.values
    ]

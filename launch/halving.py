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
from ganjax.config.experiment import ConfigError
from ganjax.config.ranks import BEST, cost
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
            steps, every = config["steps"], config["record.every"]
            if rung.step >= steps or rung.step % every:
                raise ConfigError(
                    f"{at}step {rung.step} must be a multiple of record.every, "
                    f"{every}, and below steps, {steps}"
                )
    return rungs


def decide(folder: Path, rung: Rung, runs: Sequence[str]) -> Rung:
    """The rung with what becomes of these runs, which have all come there.

    As many go on as its share of them, rounded up; of equals those that come first.
    """
    values = {run: _value(folder / run, rung) for run in runs}

    def rank(run: str) -> float:
        value = values[run]
        return math.inf if value is None else cost(rung.by, value, BEST)

    order = sorted(runs, key=rank)
    return replace(rung, values=values, lost=order[math.ceil(rung.keep * len(runs)) :])


def _value(run: Path, rung: Rung) -> float | None:
    records, _ = read_records(run)
    found = [
        record.values[f"evaluation/{rung.by}"]
        for record in records
        if record.values["step"] == rung.step
        and f"evaluation/{rung.by}" in record.values
    ]
    return found[-1] if found else None

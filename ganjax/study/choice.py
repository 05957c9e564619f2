"""What a sweep's later points follow from: the best of the settings tried."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ganjax.config.ranks import cost as ranked_cost
from ganjax.config.ranks import ranking_of
from ganjax.study.groups import group_by
from ganjax.study.runs import Run, measure
from ganjax.study.tables import Measure


def cost(run: Run, number: Measure) -> float:
    """How far a run is from the best in a measure: less is better, by no unit.

    Infinity for a run that diverged, or whose number is not finite.

    Args:
      run: done or diverged.
      number: a measure of the run's evaluation that says where its best lies; or a
        function of a run that is done, of which less is better.

    Raises:
      KeyError: the evaluation has no such measure.
      ValueError: it does not say where the best of it lies.
    """
    if run.status.get("state") == "diverged":
        return math.inf
    if callable(number):
        value = float(number(run))
        return value if math.isfinite(value) else math.inf
    value = measure(run, number)
    ranking, _ = ranking_of([run.better])
    if number not in ranking:
        raise ValueError(f"{run.workdir.name}: {number} has no better and worse")
    return ranked_cost(number, value, ranking)


def by_setting(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs of a sweep whose points differ in nothing but the seed, together."""
    return list(group_by(runs, _setting).values())


def best_setting(runs: Sequence[Run], number: Measure) -> list[Run]:
    """The runs of the setting with the least mean `cost` over its seeds.

    The first of several that are alike, as they are where all of them diverged.

    Raises:
      KeyError, ValueError: as of `cost`.
      ValueError: no run.
    """
    if not runs:
        raise ValueError("the best setting of no runs")
    return min(
        by_setting(runs),
        key=lambda group: sum(cost(run, number) for run in group) / len(group),
    )


def _setting(run: Run) -> tuple[Any, ...]:
    own = {key: value for key, value in run.point.overrides.items() if key != "seed"}
    return run.point.arg, *sorted(own.items())

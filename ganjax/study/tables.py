"""Tables with a row for each group of runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ganjax.study.groups import Keys, group_by, named, words
from ganjax.study.items import Cell, Table
from ganjax.study.runs import Run, mean_and_sd, measure, tail

# A number of a run: a measure of its evaluation, a metric, or a function of the run.
Measure = str | Callable[[Run], float]
Measures = Measure | Sequence[Measure] | Mapping[str, Measure]

_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sd": lambda values: mean_and_sd(values)[1],
    "least": min,
    "greatest": max,
}


def table_of(
    title: str,
    runs: Sequence[Run],
    by: Keys,
    measures: Measures,
    *,
    beside: Sequence[str] = ("sd",),
    note: str = "",
) -> Table:
    """A row for each group of runs: its values, how many seeds, means of its measures.

        table_of("Quality", runs, "objective.name", ("high_quality", "variance_ratio"))
        table_of(
            "Where they end",
            runs,
            {"optimiser": "optimizers.generator.name"},
            {
                "loss on real": "discriminator/real_loss",
                "error, %": lambda run: 100 * measure(run, "error"),
            },
        )

    Args:
      title: of the table.
      runs: in the order in which their groups are to appear.
      by: one or several keys of the config or functions of a run, whose values make a
        group; a mapping gives their columns' heads.
      measures: one or several, likewise: names of measures in `evaluation.json`; names
        of metrics, which stand for their mean over the last tenth of the records; or
        functions of a run.
      beside: what stands beside each mean: of "sd", "least" and "greatest".
      note: of the table.

    Returns:
      The table. A cell is empty where no run of its group has the measure; an sd of one
      run is NaN.

    Raises:
      KeyError: no run at all has a measure, or not all runs of a group.
    """
    keys, numbers = named(by), named(measures)
    for number in numbers.values():
        if runs and not any(_has(run, number) for run in runs):
            _number(runs[0], number)
    rows = []
    for values, group in group_by(runs, *keys.values()).items():
        row = [_cell(value) for value in (values if len(keys) != 1 else (values,))]
        row.append(len(group))
        for number in numbers.values():
            row += _summary(group, number, beside)
        rows.append(tuple(row))
    heads = [head for number in numbers for head in (number, *beside)]
    return Table(title, (*keys, "seeds", *heads), rows, note)


def _summary(
    group: Sequence[Run], number: Measure, beside: Sequence[str]
) -> list[float | None]:
    if not any(_has(run, number) for run in group):
        return [None] * (1 + len(beside))
    found = [_number(run, number) for run in group]
    return [mean_and_sd(found)[0], *(_STATISTICS[name](found) for name in beside)]


def _has(run: Run, number: Measure) -> bool:
    known = {*run.evaluation.get("metrics", {}), *run.metrics}
    return callable(number) or number in known


def _number(run: Run, number: Measure) -> float:
    if callable(number):
        return float(number(run))
    if number in run.metrics:
        return float(tail(run, number).mean())
    return measure(run, number)


def _cell(value: object) -> Cell:
    is_cell = value is None or isinstance(value, int | float)
    return value if is_cell else words(value)  # type: ignore[return-value]

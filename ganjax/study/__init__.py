"""What an experiment's `study(runs)` reads and returns. No jax.

    def study(runs):
        from ganjax.study import Figure, Table, group_by, mean_and_sd, measure, plot

        rows = []
        for name, group in group_by(runs, "objective.name").items():
            mean, sd = mean_and_sd(measure(run, "high_quality") for run in group)
            rows.append((name, mean, sd))
        yield Table("High quality", ("objective", "mean", "sd"), rows)

        figure, axes = plot()
        axes.semilogy([1, 2, 3], [1.0, 0.1, 0.01])
        yield Figure("A line", figure)

`study` gets the finished runs of a sweep. `python -m ganjax.report SWEEP` puts what it
returns or yields on the page, in order.
"""

from ganjax.record.reading import RunError, read_object
from ganjax.study.items import Cell, Figure, Table, check
from ganjax.study.plots import PALETTE, plot, side_by_side, style
from ganjax.study.runs import (
    Floats,
    Metrics,
    Run,
    curve,
    group_by,
    last_step,
    mean_and_sd,
    measure,
    newest_pictures,
    picture,
    read_run,
    samples,
    setting,
)

__all__ = [
    "PALETTE",
    "Cell",
    "Figure",
    "Floats",
    "Metrics",
    "Run",
    "RunError",
    "Table",
    "check",
    "curve",
    "group_by",
    "last_step",
    "mean_and_sd",
    "measure",
    "newest_pictures",
    "picture",
    "plot",
    "read_object",
    "read_run",
    "samples",
    "setting",
    "side_by_side",
    "style",
]

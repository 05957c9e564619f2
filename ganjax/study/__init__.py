"""What an experiment's `study(runs)` reads and returns. No jax.

    def study(runs):
        from ganjax.study import Figure, curves, picture_grid, table_of

        yield table_of("Quality", runs, "objective.name", ("coverage", "precision"))

        figure, _ = curves(runs, "generator/loss", by="objective.name")
        yield Figure("Losses", figure, "Bands: from the least seed to the greatest.")
        yield Figure("Samples", picture_grid(runs, columns="objective.name"))

What these do not say is said with `group_by`, `measure`, `tail`, `Table` and `plot`.

`study` gets the finished runs of a sweep. `python -m ganjax.report SWEEP` puts what it
returns or yields on the page, in order.
"""

from ganjax.record.reading import RunError, read_object
from ganjax.study.bootstrap import Rank, mean_interval, rank_groups
from ganjax.study.choice import best_setting, by_setting, cost
from ganjax.study.groups import Key, Keys, group_by, words
from ganjax.study.items import Cell, Figure, Table, check
from ganjax.study.plots import (
    PALETTE,
    arrows,
    curves,
    picture_grid,
    plot,
    side_by_side,
    style,
)
from ganjax.study.runs import (
    Floats,
    Metric,
    Metrics,
    Run,
    curve,
    head,
    last_step,
    mean_and_sd,
    measure,
    picture,
    read_point,
    read_run,
    read_sweep,
    samples,
    setting,
    tail,
)
from ganjax.study.tables import Measure, Measures, table_of

__all__ = [
    "PALETTE",
    "Cell",
    "Figure",
    "Floats",
    "Key",
    "Keys",
    "Measure",
    "Measures",
    "Metric",
    "Metrics",
    "Rank",
    "Run",
    "RunError",
    "Table",
    "arrows",
    "best_setting",
    "by_setting",
    "check",
    "cost",
    "curve",
    "curves",
    "group_by",
    "head",
    "last_step",
    "mean_and_sd",
    "mean_interval",
    "measure",
    "picture",
    "picture_grid",
    "plot",
    "rank_groups",
    "read_object",
    "read_point",
    "read_run",
    "read_sweep",
    "samples",
    "setting",
    "side_by_side",
    "style",
    "table_of",
    "tail",
    "words",
]

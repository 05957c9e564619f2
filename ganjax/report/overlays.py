"""Curves of groups on common charts: the mean over seeds, and how far seeds spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganjax.config.ranks import Ranking
from ganjax.report.charts import Chart
from ganjax.report.comparison import Group, finished, setting
from ganjax.report.curves import Series, shorten
from ganjax.report.groups import LIVE, PLAYERS, evaluated, player_of, quantity_of
from ganjax.report.text import heading
from ganjax.study import Run
from ganjax.study.runs import spread, stack

_KINDS = ("evaluation", "loss", "accuracy", "gradient_norm")
COLOURS = 6  # of groups in page.css
# The sections whose terms a loss adds up, as the page calls them.
_OF_LOSS = {"objective": "objectives", "penalties": "penalties"}
POINTS = 120  # of a curve, so that a dozen groups on a dozen charts fit into a page


def make_overlays(groups: Sequence[Group], ranking: Ranking) -> list[Chart]:
    """A chart per measure over training, loss, accuracy and norm of gradients.

    The groups are those that are drawn, in the order of their places; measures that
    rank come first.
    """
    runs = [compared(group) for group in groups]
    names = {name for group_runs in runs for run in group_runs for name in run.metrics}
    ranked = tuple(ranking)
    drawn = sorted(
        (name for name in names if _kind(name) is not None),
        key=lambda name: _order(name, ranked),
    )
    subtitles = _subtitles([group.runs[0].config for group in groups])
    charts = (_chart(name, _overlay(name, groups, runs), subtitles) for name in drawn)
    return [chart for chart in charts if chart.series]


def compared(group: Group) -> list[Run]:
    """The finished runs of a group; where there is none yet, those that have begun."""
    runs = finished(group) or group.runs
    return [run.content for run in runs if run.content is not None]


def style(place: int) -> tuple[str, int]:
    """The colour class and the line style of the group at this place."""
    return f"group-{place}", place // COLOURS


def _overlay(
    name: str, groups: Sequence[Group], runs: Sequence[Sequence[Run]]
) -> list[Series]:
    series = []
    for place, (group, group_runs) in enumerate(zip(groups, runs, strict=True)):
        having = [run.metrics[name] for run in group_runs if name in run.metrics]
        if not having:
            continue
        steps, values = stack(having)
        steps, values = shorten(steps, values, POINTS)
        if len(steps):
            mean, low, high = spread(values)
            series.append(Series(group.label, *style(place), steps, mean, (low, high)))
    return series


def _subtitles(configs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What the charts of each kind say of runs with these configs."""
    differ = [name for name in _OF_LOSS if _differ(configs, name)]
    what = " and ".join(_OF_LOSS[name] for name in differ)
    apart = [f"not comparable: the {what} differ"] if differ else []
    is_averaged = any(key.startswith("ema.") for config in configs for key in config)
    return {
        "evaluation": evaluated(is_averaged),
        "loss": "".join(apart),
        "accuracy": LIVE,
        "gradient_norm": "; ".join(("logarithmic axis", *apart)),
    }


def _differ(configs: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether a section of that name is another in one of them."""
    sections = {
        tuple(
            (key, setting(config, key))
            for key in sorted(config)
            if key.partition(".")[0] == name
        )
        for config in configs
    }
    return len(sections) > 1


def _chart(name: str, series: list[Series], subtitles: Mapping[str, str]) -> Chart:
    kind, quantity = _kind(name) or "", quantity_of(name)
    limits = (0.0, 1.0) if name.endswith("accuracy") else None
    whose = "" if kind == "evaluation" else f"{player_of(name)} "
    title = heading(f"{whose}{quantity}")
    is_log = kind == "gradient_norm"
    return Chart(title, subtitles[kind], series, is_log=is_log, limits=limits)


def _kind(name: str) -> str | None:
    """Which of `_KINDS` a metric is; the others are on the pages of the runs."""
    kind = "accuracy" if name.endswith("accuracy") else quantity_of(name)
    kind = "evaluation" if player_of(name) == "evaluation" else kind
    return kind if kind in _KINDS else None


def _order(name: str, ranked: Sequence[str]) -> tuple[int, int, int, str]:
    """By kind; measures as they are ranked, players in their usual order."""
    ranks = (
        (_kind(name), _KINDS),
        (quantity_of(name), ranked),
        (player_of(name), PLAYERS),
    )
    kind, best, player = (
        known.index(word) if word in known else len(known) for word, known in ranks
    )
    return kind, best, player, name

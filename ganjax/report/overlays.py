"""Curves of groups on common charts: the mean over seeds, and how far seeds spread."""

from __future__ import annotations

from collections.abc import Sequence

from ganjax.measures import BEST
from ganjax.report.charts import Chart
from ganjax.report.comparison import Group, finished
from ganjax.report.curves import Series, shorten
from ganjax.report.groups import PLAYERS, player_of, quantity_of
from ganjax.report.text import heading, words
from ganjax.study import Run
from ganjax.study.runs import spread, stack

_KINDS = ("evaluation", "loss", "accuracy", "gradient_norm")
COLOURS = 6  # of groups in page.css
POINTS = 120  # of a curve, so that a dozen groups on a dozen charts fit into a page


def make_overlays(groups: Sequence[Group]) -> list[Chart]:
    """A chart per measure over training, loss, accuracy and norm of gradients.

    The groups are those that are drawn, in the order of their places.
    """
    runs = [compared(group) for group in groups]
    names = {name for members in runs for run in members for name in run.metrics}
    drawn = sorted(filter(lambda name: _kind(name) is not None, names), key=_order)
    charts = (_chart(name, _overlay(name, groups, runs)) for name in drawn)
    return [chart for chart in charts if chart.series]


def compared(group: Group) -> list[Run]:
    """The finished runs of a group; where there is none yet, those that have begun."""
    entries = finished(group) or group.entries
    return [entry.run for entry in entries if entry.run is not None]


def style(place: int) -> tuple[str, int]:
    """The colour class and the line style of the group at this place."""
    return f"group-{place}", place // COLOURS


def _overlay(
    name: str, groups: Sequence[Group], runs: Sequence[Sequence[Run]]
) -> list[Series]:
    series = []
    for place, (group, members) in enumerate(zip(groups, runs, strict=True)):
        having = [run.metrics[name] for run in members if name in run.metrics]
        if not having:
            continue
        steps, values = stack(having)
        steps, values = shorten(steps, values, POINTS)
        if len(steps):
            mean, low, high = spread(values)
            series.append(Series(group.label, *style(place), steps, mean, (low, high)))
    return series


def _chart(name: str, series: list[Series]) -> Chart:
    kind, quantity = _kind(name), heading(quantity_of(name))
    of_player = f"{heading(player_of(name))} {words(quantity_of(name))}"
    limits = (0.0, 1.0) if name.endswith("accuracy") else None
    if kind == "evaluation":
        return Chart(quantity, "evaluation during training", series, limits=limits)
    if kind == "gradient_norm":
        return Chart(of_player, "logarithmic axis", series, is_log=True)
    return Chart(of_player, "", series, limits=limits)


def _kind(name: str) -> str | None:
    """Which of `_KINDS` a metric is; the others are on the pages of the runs."""
    kind = "accuracy" if name.endswith("accuracy") else quantity_of(name)
    kind = "evaluation" if player_of(name) == "evaluation" else kind
    return kind if kind in _KINDS else None


def _order(name: str) -> tuple[int, int, int, str]:
    """By kind; measures as `measures.BEST` has them, players in their usual order."""
    ranks = (
        (_kind(name), _KINDS),
        (quantity_of(name), tuple(BEST)),
        (player_of(name), PLAYERS),
    )
    kind, best, player = (
        known.index(word) if word in known else len(known) for word, known in ranks
    )
    return kind, best, player, name

"""Which metric goes on which chart, in which colour."""

from __future__ import annotations

from collections.abc import Callable

from ganjax.report.charts import Chart
from ganjax.report.curves import Series
from ganjax.report.text import heading, words
from ganjax.study import Floats, Metrics

# These have colours of their own in page.css; all others are drawn in ink.
PLAYERS = ("discriminator", "generator", "encoder")
EXAMPLES = ("real", "fake")
DASHES = 4  # line styles in page.css

# An accuracy may be of either, and the two differ.
LIVE = "training batches, live weights"
AVERAGED = "averaged weights"


def evaluated(is_averaged: bool) -> str:
    """What is measured of averaged weights, where a run has any, as a subtitle."""
    return f"evaluation, {AVERAGED}" if is_averaged else "evaluation during training"


def make_charts(metrics: Metrics, *, is_averaged: bool) -> list[Chart]:
    """One chart per group of metrics, in reading order; `seconds` is not drawn.

    `is_averaged` is whether evaluations are of averaged weights.
    """
    left = {name: metrics[name] for name in sorted(metrics, key=_reading_order)}
    left.pop("seconds", None)
    evaluation = _take(left, lambda name: player_of(name) == "evaluation")
    loss = _take(left, lambda name: quantity_of(name) == "loss")
    score = _take(left, lambda name: name.endswith("_score"))
    accuracy = _take(left, lambda name: name.endswith("accuracy"))
    gradient = _take(left, lambda name: quantity_of(name) == "gradient_norm")
    speed = _take(left, lambda name: name == "steps_per_second")
    charts = [
        Chart("Loss", "what each player minimises", _by_player(loss)),
        *_by_term(left),
        Chart("Score", f"mean; {LIVE}", _by_example(score)),
        Chart(
            "Accuracy",
            f"share judged rightly; {LIVE}",
            _by_example(accuracy),
            limits=(0.0, 1.0),
        ),
        Chart("Gradient norm", "logarithmic axis", _by_player(gradient), is_log=True),
        *_one_by_one(evaluation, evaluated(is_averaged)),
        *_one_by_one(speed, "speed of training"),
    ]
    return [chart for chart in charts if chart.series]


def _take(
    metrics: dict[str, tuple[Floats, Floats]], belongs: Callable[[str], bool]
) -> Metrics:
    """Removes a group of metrics from those that are left, and returns it."""
    return {name: metrics.pop(name) for name in list(metrics) if belongs(name)}


def _by_player(metrics: Metrics) -> list[Series]:
    return [
        Series(words(player_of(name)), _kind(player_of(name), PLAYERS), 0, *points)
        for name, points in metrics.items()
    ]


def _by_example(metrics: Metrics) -> list[Series]:
    """Real before fake, told apart by colour; another player's are dashed."""
    series = []
    for name in sorted(metrics, key=lambda name: "/real_" not in name):
        example = quantity_of(name).rpartition("_")[0]
        label = words(example or quantity_of(name))
        is_usual = player_of(name) == "discriminator"
        series.append(
            Series(
                label if is_usual else f"{words(player_of(name))} {label}",
                _kind(example, EXAMPLES),
                0 if is_usual else 1,
                *metrics[name],
            )
        )
    return series


def _by_term(metrics: Metrics) -> list[Chart]:
    """What is left of each player: the terms of its loss and what else it reports."""
    groups: dict[str, list[Series]] = {}
    for name, points in metrics.items():
        group = groups.setdefault(player_of(name), [])
        kind = _kind(player_of(name), PLAYERS)
        group.append(
            Series(words(quantity_of(name)), kind, len(group) % DASHES, *points)
        )
    return [
        Chart(f"{heading(player)} terms", "parts of its loss", series)
        if player in PLAYERS
        else Chart(heading(player) or "Other", "", series)
        for player, series in groups.items()
    ]


def _one_by_one(metrics: Metrics, subtitle: str) -> list[Chart]:
    """A chart each, for quantities without a common scale."""
    return [
        Chart(
            heading(quantity_of(name)),
            subtitle,
            [Series("recorded", "ink", 0, *points)],
        )
        for name, points in metrics.items()
    ]


def player_of(name: str) -> str:
    """The part of a metric's name before the slash."""
    return name.partition("/")[0] if "/" in name else ""


def quantity_of(name: str) -> str:
    """The part of a metric's name behind the slash."""
    return name.partition("/")[2] or name


def _kind(name: str, known: tuple[str, ...]) -> str:
    return name if name in known else "ink"


def _reading_order(name: str) -> tuple[int, str]:
    """Players in their usual order, then names."""
    player = player_of(name)
    return PLAYERS.index(player) if player in PLAYERS else len(PLAYERS), name

"""The page: a run as one HTML document that needs nothing from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ganjax.config import ranks
from ganjax.report import text
from ganjax.report.charts import chart_markup
from ganjax.report.curves import MAX_HALF_WINDOW, RECORDS_PER_HALF_WINDOW
from ganjax.report.document import (
    badge,
    colour,
    document,
    missing,
    section,
    settings_table,
)
from ganjax.report.film import make_films
from ganjax.report.groups import AVERAGED, make_charts
from ganjax.report.markup import Markup, element, join
from ganjax.study import Run, last_step


def render(run: Run) -> str:
    """The whole page of one run."""
    return document(
        run.workdir.name,
        _header(run),
        element(
            "main",
            section("Evaluation", *_evaluation(run)),
            section("Samples", *_samples(run)),
            section("Training", *_training(run)),
            section("Settings", *_settings(run)),
        ),
        footer=str(run.workdir),
    )


def _header(run: Run) -> Markup:
    state = str(run.status.get("state", "unknown"))
    message = str(run.status.get("message") or "")
    facts = (
        element("div", element("dt", name), element("dd", value))
        for name, value in _facts(run)
    )
    return element(
        "header",
        element("p", "Run report", class_="overline"),
        element("button", "Theme", type="button", id="theme", hidden=True),
        element("h1", run.workdir.name, " ", badge(state)),
        _about(run.config),
        element("p", message, class_=f"message {colour(state)}") if message else "",
        *(element("p", problem, class_="message failed") for problem in run.problems),
        element("dl", *facts, class_="facts"),
    )


def _about(config: Mapping[str, Any]) -> Markup:
    """Who learned what from which data, as far as the config names them."""
    parts = [element("strong", _name(config.get("objective")) or "unnamed objective")]
    penalties = config.get("penalties")
    if isinstance(penalties, Mapping) and penalties:
        parts.append(join(" with ", ", ".join(penalties)))
    if data := _name(config.get("data")):
        parts.append(join(" on ", element("strong", data)))
    if game := _name(config.get("game")):
        parts.append(join(" · ", game, " game"))
    networks = config.get("networks")
    if isinstance(networks, Mapping):
        names = (f"{player} {_name(entry)}" for player, entry in networks.items())
        parts.append(join(" · ", ", ".join(names)))
    return element("p", *parts, class_="about")


def _name(section: Any) -> str:
    """The name that a config section selects."""
    name = section.get("name") if isinstance(section, Mapping) else section
    return name if isinstance(name, str) else ""


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    step = int(run.status.get("step", last_step(run)))
    steps = run.status.get("steps", run.config.get("steps"))
    planned = f" of {text.count(steps)}" if isinstance(steps, int) else ""
    yield "Step", text.count(step) + planned
    if "seconds" in run.metrics:
        yield "Training time", text.duration(float(run.metrics["seconds"][1][-1]))
    if "steps_per_second" in run.metrics:
        speed = run.metrics["steps_per_second"][1]
        finite = speed[np.isfinite(speed)]
        if len(finite):
            yield "Median speed", f"{text.number(float(np.median(finite)))} steps/s"
    for key in ("seed", "batch_size"):
        if key in run.config:
            yield text.heading(key), text.value(run.config[key])
    if run.init:
        players = ", ".join(map(str, run.init["players"]))
        yield "Begun from", f"{run.init['folder']}@{run.init['step']}: {players}"
    if "updated" in run.status:
        yield "Updated", text.moment(str(run.status["updated"]))


def _evaluation(run: Run) -> Iterator[Markup]:
    evaluation = run.evaluation
    measured = evaluation.get("metrics")
    if not measured:
        yield missing("No evaluation yet: run with --mode=evaluate.")
        return
    cards = (
        element(
            "div", element("dt", text.words(name)), element("dd", text.measure(value))
        )
        for name, value in text.flatten(measured)
    )
    yield element("dl", *cards, class_="cards")
    facts = (
        f"{text.words(key)} {text.measure(value)}"
        for key, value in text.flatten(evaluation)
        if not key.startswith(("metrics.", "better."))
    )
    words = (AVERAGED, *facts) if run.config.get("ema") else facts
    yield element("p", " · ".join(words), class_="remark")
    if caution := ranks.remark(measured):
        yield element("p", caution, class_="remark")


def _samples(run: Run) -> Iterator[Markup]:
    films = make_films(run)
    if films:
        if run.classes:
            names = f"Classes, in the order of their labels: {', '.join(run.classes)}."
            yield element("p", names, class_="note")
        yield element("div", *films, class_="films")
    else:
        yield missing("No pictures yet: the folder samples/ holds none.")


def _training(run: Run) -> Iterator[Markup]:
    if not run.metrics:
        yield missing("No metrics yet.")
        return
    percent = 2 * 100 // RECORDS_PER_HALF_WINDOW
    yield element(
        "p",
        "Faint lines show what was recorded, bold lines its trend: at each point the "
        "mean of the middle half of the values in a centred window, which spans "
        f"{percent} % of the curve's records (at most {2 * MAX_HALF_WINDOW + 1}). "
        f"Curves of fewer than {RECORDS_PER_HALF_WINDOW} records are drawn bold as "
        "recorded. Legends give the newest record and, in brackets, its trend.",
        class_="note",
    )
    step, is_averaged = last_step(run), bool(run.config.get("ema"))
    charts = make_charts(run.metrics, is_averaged=is_averaged)
    shown = (chart_markup(chart, step) for chart in charts)
    yield element("div", *shown, class_="charts")


def _settings(run: Run) -> Iterator[Markup]:
    environment = dict(run.environment)
    command = environment.pop("command", None)
    if command:
        yield element("h3", "Command")
        yield element("pre", element("code", text.shell(text.value(command))))
    yield settings_table("Configuration", run.config)
    if environment:
        yield settings_table("Environment", environment)
    else:
        yield missing("The environment is unknown: environment.json is missing.")

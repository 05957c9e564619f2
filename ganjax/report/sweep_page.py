"""The comparison page: the runs of a sweep, or several runs, as one document."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ganjax.config import ranks
from ganjax.report import pictures, text
from ganjax.report.charts import chart_markup
from ganjax.report.comparison import Comparison, Group, compare, finished, measured
from ganjax.report.document import badge, document, missing, section, settings_table
from ganjax.report.files import Files
from ganjax.report.film import ENLARGED_BELOW
from ganjax.report.markup import Markup, element, join
from ganjax.report.overlays import POINTS, compared, make_overlays
from ganjax.report.studies import make_study
from ganjax.report.sweeps import FINISHED, UNREADABLE, Sweep, SweepRun
from ganjax.report.tables import groups_table, name_group, runs_table
from ganjax.report.versus import differences_tables, summarise
from ganjax.study import last_step


class Page(NamedTuple):
    """A page, and what went wrong in the study or is damaged, a line for each."""

    html: str
    problems: list[str]


def render(sweep: Sweep, path: Path, *, run_study: bool = False) -> Page:
    """The comparison page that will lie at `path`; writes the files beside it."""
    files = Files(path)
    comparison = compare(sweep.runs)
    done = [
        run.content
        for run in sweep.runs
        if run.state == FINISHED and run.content is not None
    ]
    study = None
    if sweep.experiment:
        study = make_study(sweep, done, files, run_study=run_study)
    charted = [group for group in comparison.groups if group.place is not None]
    html = document(
        sweep.title,
        _header(sweep, comparison),
        element(
            "main",
            section("Study", *study.parts) if study else "",
            section("Comparison", *_comparison(comparison, files)),
            section("Curves", *_curves(charted, comparison)),
            section("Samples", *_samples(charted, comparison)),
            section(
                "Runs and settings",
                runs_table(comparison, files, path),
                settings_table("Configuration in common", _common(sweep.runs)),
            ),
        ),
        footer=str(sweep.folder.resolve()),
    )
    damaged = [problem for run in sweep.runs for problem in _damage(run)]
    problems = [study.problem] if study and study.problem else []
    return Page(html, [*problems, *damaged])


def _damage(run: SweepRun) -> Sequence[str]:
    """What is wrong with a run's files, a line for each."""
    named = run.content.problems if run.content else ()
    return named or ((run.message,) if run.state == UNREADABLE else ())


def _header(sweep: Sweep, comparison: Comparison) -> Markup:
    states = Counter(run.state for run in sweep.runs)
    total = len(sweep.runs)
    badges = [badge(FINISHED, f"{states.pop(FINISHED, 0)} of {total} done")]
    badges += [badge(state, f"{count} {state}") for state, count in states.items()]
    about = [element("strong", sweep.experiment or "Runs side by side")]
    about += [join(" · ", override) for override in sweep.overrides]
    facts = {
        "Runs": total,
        "Groups": len(comparison.groups),
        "Seeds": len({run.config.get("seed") for run in sweep.runs}),
    }
    listed = (
        element("div", element("dt", name), element("dd", text.count(number)))
        for name, number in facts.items()
    )
    return element(
        "header",
        element("p", "Comparison", class_="overline"),
        element("button", "Theme", type="button", id="theme", hidden=True),
        element("h1", sweep.title),
        element("p", *badges, class_="badges"),
        element("p", *about, class_="about"),
        element("dl", *listed, class_="facts"),
    )


def _comparison(comparison: Comparison, files: Files) -> Iterator[Markup]:
    if comparison.names and len(comparison.groups) > 1:
        yield summarise(comparison)
    yield from groups_table(comparison, files)
    if not comparison.names:
        done = any(map(finished, comparison.groups))
        yield missing(
            "The runs that are done have no measure in common."
            if done
            else "No run is done and evaluated yet."
        )
    elif len(comparison.groups) > 1:
        yield element("h3", "Differences, seed by seed")
        yield from differences_tables(comparison, files)


def _curves(charted: Sequence[Group], comparison: Comparison) -> Iterator[Markup]:
    charts = make_overlays(charted, comparison.ranking)
    if not charts:
        yield missing("No metrics yet.")
        return
    yield element(
        "p",
        "Lines are means over seeds, bands reach from the lowest to the highest seed. "
        f"Points of curves of more than {POINTS} records are means of neighbouring "
        "records. ",
        _selection(charted, comparison),
        class_="note",
    )
    yield _legend(charted)
    last = max(last_step(run) for group in charted for run in compared(group))
    shown = (chart_markup(chart, last, has_legend=False) for chart in charts)
    yield element("div", *shown, class_="charts")


def _legend(charted: Sequence[Group]) -> Markup:
    """One legend for all charts; page.js hides and shows a group at a click."""
    items = (
        element(
            "li",
            element(
                "button",
                name_group(group, group.label),
                type="button",
                aria_pressed="true",
                data_group=f"group-{group.place}",
            ),
            element("output"),
        )
        for group in charted
    )
    return element("ul", *items, class_="groups")


def _selection(charted: Sequence[Group], comparison: Comparison) -> str:
    count = len(comparison.groups)
    if len(charted) == count:
        return ""
    by = f" by {text.words(comparison.names[0])}" if comparison.names else ""
    return f"Of {count} groups these are the best {len(charted)}{by}."


def _samples(charted: Sequence[Group], comparison: Comparison) -> Iterator[Markup]:
    chosen = [(group, _best_run(group, comparison)) for group in charted]
    budget = pictures.BUDGET // max(1, len(charted))
    films = [
        film
        for group, run in chosen
        if run is not None and (film := _film(group, run, comparison, budget))
    ]
    if films:
        yield element(
            "p",
            "The newest picture of each group's best seed. ",
            _selection(charted, comparison),
            class_="note",
        )
        yield element("div", *films, class_="side-by-side")
    else:
        yield missing("No pictures yet.")


def _best_run(group: Group, comparison: Comparison) -> SweepRun | None:
    """The run with the best key measure; without one the first that has begun."""
    begun = [run for run in group.runs if run.content and run.content.samples]
    if not comparison.names:
        return begun[0] if begun else None
    name, ranking = comparison.names[0], comparison.ranking
    return min(begun, key=lambda run: _cost(run, name, ranking), default=None)


def _cost(run: SweepRun, name: str, ranking: ranks.Ranking) -> float:
    return (
        ranks.cost(name, measured(run)[name], ranking)
        if run.state == FINISHED
        else math.inf
    )


def _film(
    group: Group, run: SweepRun, comparison: Comparison, budget: int
) -> Markup | None:
    assert run.content is not None
    name, found = next(iter(run.content.samples.items()))
    picture = pictures.load_newest(found, budget)
    if picture is None:
        return None
    caption = f"seed {run.config.get('seed')}, step {text.count(picture.step)}"
    if comparison.names and run.state == FINISHED:
        key = comparison.names[0]
        caption += f", {text.words(key)} {text.number(measured(run)[key])}"
    small = picture.width < ENLARGED_BELOW
    return element(
        "figure",
        element(
            "figcaption",
            element("h3", name_group(group, group.label)),
            element("span", caption),
        ),
        element(
            "img",
            class_="large pixels" if small else "large",
            src=picture.uri,
            width=picture.width,
            height=picture.height,
            alt=f"{text.words(name)} of {group.label}, {caption}",
        ),
        class_="film",
    )


def _common(runs: Sequence[SweepRun]) -> Mapping[str, Any]:
    """The settings that all runs share."""
    first, *rest = (run.config for run in runs)
    return {
        key: value
        for key, value in first.items()
        if all(key in config and config[key] == value for config in rest)
    }

"""The tables of a comparison page: groups with their measures, and runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np

from ganjax import study
from ganjax.config import ranks
from ganjax.report import text
from ganjax.report.charts import swatch
from ganjax.report.comparison import (
    Comparison,
    Group,
    best,
    finished,
    measured,
    seeds,
    setting,
    values,
)
from ganjax.report.document import badge, folded, grid
from ganjax.report.files import Files
from ganjax.report.markup import Markup, element, join
from ganjax.report.overlays import style
from ganjax.study import Cell

_STRIP, _INSET = 96, 4  # width of a strip of dots, and its margin


def heading(key: str) -> str:
    """A key of the config as the head of a column."""
    return key.removesuffix(".name")


def title(name: str, ranking: ranks.Ranking) -> str:
    """A measure as the head of a column, and where its best value lies."""
    best_at = ranking.get(name)
    arrow = {
        "highest": "\u00a0↑",
        "lowest": "\u00a0↓",
        "one": "\u00a0→\u00a01",
        None: "",
    }[best_at]
    return text.heading(name) + arrow


def name_group(group: Group, words: str) -> Markup:
    """A group by `words`, beside its line where it is drawn."""
    if group.place is None:
        return element("span", words)
    kind, dash = style(group.place)
    return element("span", swatch(), words, class_=f"named {kind} dash-{dash}")


def groups_table(comparison: Comparison, files: Files) -> Iterator[Markup]:
    """A row per group: its settings, seeds, and mean and deviation of each measure."""
    groups, names = comparison.groups, comparison.names
    ranking = comparison.ranking
    winners = {name: best(groups, name, ranking) for name in names}
    rows: list[list[str]] = []
    for group in groups:
        first, *others = group.settings or (group.label,)
        cells = [_cell(group, name, winners[name]) for name in names]
        # The seeds of the key measure, the first, stand beside it.
        cells[1:1] = [_strip(group, comparison)] if names else []
        rows.append([name_group(group, first), *others, seeds(group), *cells])
    heads = [title(name, ranking) for name in names]
    heads[1:1] = ["by seed"] if names else []
    yield grid([*_columns(comparison), "seeds", *heads], rows)
    note = "Mean ± standard deviation over seeds (n - 1). Bold: the best mean. "
    if caution := ranks.remark(names):
        note += f"{caution} "
    yield element("p", note, _groups_file(comparison, files), class_="remark")
    for name in comparison.disputed:
        yield element(
            "p",
            f"The runs do not agree where the best {text.words(name)} lies, so it "
            "ranks nothing.",
            class_="remark",
        )
    if comparison.others:
        yield _others(comparison)


def runs_table(comparison: Comparison, files: Files, page: Path) -> Markup:
    """A row per run, with a link to its own page; `page` is where this one will be."""
    names = comparison.names
    rows, records = [], []
    for group in comparison.groups:
        for run in group.runs:
            found = measured(run) if run in finished(group) else {}
            seed = text.value(run.config.get("seed", text.ABSENT))
            shown = text.number(found[names[0]]) if names and found else text.ABSENT
            rows.append(
                [
                    _link(run.folder, page),
                    badge(run.state),
                    seed,
                    group.label,
                    shown,
                    text.count(run.step),
                    run.message,
                ]
            )
            numbers = [found.get(name) for name in names]
            facts = (run.folder.name, run.state, seed, group.label, run.step)
            records.append([*facts, *numbers, run.message])
    over = title(names[0], comparison.ranking) if names else "Measure"
    heads = ("run", "state", "seed", "group", over, "step", "message")
    columns = ("run", "state", "seed", "group", "step", *names, "message")
    link = files.table("runs", columns, records)
    return folded(
        "Runs", text.counted(len(rows), "run"), grid(heads, rows), element("p", link)
    )


def _columns(comparison: Comparison) -> list[str]:
    return [heading(key) for key in comparison.columns] or ["group"]


def _cell(group: Group, name: str, winners: Sequence[Group]) -> str:
    found = values(group, name)
    if not len(found):
        return text.ABSENT
    shown = text.mean_and_sd(*study.mean_and_sd(found))
    is_best = any(group is winner for winner in winners)
    return element("strong", shown) if is_best else shown


def _groups_file(comparison: Comparison, files: Files) -> Markup:
    rows: list[list[Cell]] = []
    for group in comparison.groups:
        settings = group.settings or (group.label,)
        row: list[Cell] = [*settings, len(group.runs), len(finished(group))]
        for name in comparison.names:
            found = values(group, name)
            mean, sd = study.mean_and_sd(found) if len(found) else (None, None)
            row += [mean, sd if len(found) > 1 else None]
        rows.append(row)
    heads = (f"{name}_{part}" for name in comparison.names for part in ("mean", "sd"))
    columns = [*_columns(comparison), "seeds", "done", *heads]
    return files.table("comparison", columns, rows)


def _link(folder: Path, page: Path) -> str:
    """The run's name, linked to its page where there is one."""
    if not (folder / "report.html").is_file():
        return folder.name
    address = os.path.relpath(folder / "report.html", page.parent)
    return element("a", folder.name, href=quote(Path(address).as_posix()))


def _others(comparison: Comparison) -> Markup:
    """What else differs: one column per group, so that few groups read at a glance."""
    rows = [
        [key, *(setting(group.runs[0].config, key) for group in comparison.groups)]
        for key in comparison.others
    ]
    labels = (group.label for group in comparison.groups)
    return folded(
        "Other settings that differ",
        f"{text.counted(len(rows), 'key')} that the columns above imply",
        grid(("key", *labels), rows),
    )


def _strip(group: Group, comparison: Comparison) -> Markup:
    """A dot per seed on an axis that all groups share."""
    name = comparison.names[0]
    everything = np.concatenate([values(g, name) for g in comparison.groups])
    everything = everything[np.isfinite(everything)]
    if not len(everything):
        return join()
    low, high = float(everything.min()), float(everything.max())
    scale = (_STRIP - 2 * _INSET) / ((high - low) or 1.0)
    found = values(group, name)
    places = _INSET + (found[np.isfinite(found)] - low) * scale
    dots = "".join(f"M{x:.1f} 8h0" for x in places.tolist())
    return element(
        "svg",
        element("path", d=f"M0 8H{_STRIP}", class_="grid"),
        element("path", d=dots, class_="dots"),
        viewBox=f"0 0 {_STRIP} 16",
        class_="strip-plot",
        aria_hidden="true",
    )

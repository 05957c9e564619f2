"""What all pages share: the document around them, sections, badges and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from itertools import groupby
from typing import Any

import ganjax
from ganjax.record.status import STATES
from ganjax.report import text
from ganjax.report.markup import Markup, element


def document(title: str, *body: Markup, footer: str) -> str:
    """A whole HTML document that needs nothing from outside."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{title} · ganjax"),
        element("style", _resource("page.css")),
    )
    whole = element(
        "body",
        *body,
        element("footer", f"ganjax {ganjax.__version__} · {footer}"),
        element("script", _resource("page.js")),
    )
    return f"<!DOCTYPE html>\n{element('html', head, whole, lang='en')}\n"


def _resource(name: str) -> Markup:
    path = resources.files("ganjax.report") / name
    return Markup(path.read_text(encoding="utf-8"))


def section(title: str, *children: Markup) -> Markup:
    """A part of the page under its heading."""
    return element("section", element("h2", title), *children)


def missing(sentence: str) -> Markup:
    """What stands in place of something missing."""
    return element("p", sentence, class_="missing")


def badge(state: str, words: str = "") -> Markup:
    """The state of a run, in its colour."""
    return element("span", words or state, class_=f"badge {colour(state)}")


def colour(state: str) -> str:
    """The class that colours a state in page.css."""
    return state if state in STATES else "unknown"


def settings_table(title: str, tree: Mapping[str, Any]) -> Markup:
    """A foldable table of dotted keys; those of one section stand together."""
    leaves = list(text.flatten(tree))
    bodies = (
        element(
            "tbody",
            *(
                element(
                    "tr",
                    element("th", key, scope="row"),
                    element("td", text.value(value)),
                )
                for key, value in rows
            ),
        )
        for _, rows in groupby(leaves, key=_section_of)
    )
    return folded(title, text.counted(len(leaves), "key"), element("table", *bodies))


def grid(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """A table with a head; one that is too wide scrolls by itself."""
    head = element("tr", *(element("th", column, scope="col") for column in columns))
    body = (element("tr", *(element("td", cell) for cell in row)) for row in rows)
    table = element(
        "table", element("thead", head), element("tbody", *body), class_="data"
    )
    return element("div", table, class_="scroll")


def folded(title: str, remark: str, *children: Markup) -> Markup:
    """What opens at a click on its title."""
    summary = element("summary", title, " ", element("span", remark))
    return element("details", summary, *children)


def _section_of(leaf: tuple[str, Any]) -> str:
    """The first part of a dotted key; keys without a section share one."""
    name, dot, _ = leaf[0].partition(".")
    return name if dot else ""

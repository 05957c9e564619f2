"""Docstrings taken apart: by the house's convention formula, remarks, formulas, source.

A docstring begins with its formula, perhaps with a comment behind a colon. Paragraphs
of lines `name = formula` are formulas too. What is left is remarks and, where a year
stands in the last paragraph, the source.
"""

import inspect
import re
from typing import Any, NamedTuple

from docs.reference.markdown import escaped

_FORMULA = re.compile(r"^([\w'*()]+) = (.+)$")
_YEAR = re.compile(r"\b(19|20)\d\d\b")


class Text(NamedTuple):
    """The parts of a docstring; remarks and source are Markdown, the others ASCII."""

    formula: str
    remarks: list[str]
    formulas: dict[str, str]
    source: str


def text_of(documented: Any) -> Text:
    """The parts of the docstring of a function.

    Raises `ValueError` where it has none.
    """
    doc = inspect.getdoc(documented)
    if not doc:
        raise ValueError(f"{documented.__name__} has no docstring to make a page of")
    first, *others = doc.split("\n\n")
    formula, _, comment = _joined(first).removesuffix(".").partition(": ")
    remarks = [f"{comment[0].upper()}{comment[1:]}."] if comment else []
    blocks = [
        paragraph for paragraph in others if _FORMULA.match(_first_line(paragraph))
    ]
    remarks += [paragraph for paragraph in others if paragraph not in blocks]
    has_source = bool(others) and bool(_YEAR.search(others[-1]))
    source = remarks.pop() if has_source else ""
    return Text(
        formula.replace("`", ""),
        [escaped(remark) for remark in remarks],
        {name: text for block in blocks for name, text in _formulas(block)},
        escaped(_joined(source)),
    )


def _joined(paragraph: str) -> str:
    return " ".join(paragraph.split())


def _first_line(paragraph: str) -> str:
    return paragraph.partition("\n")[0]


def _formulas(block: str) -> list[tuple[str, str]]:
    # A formula that continues in the next line is indented there.
    lines = re.sub(r"\n +", " ", block).splitlines()
    matches = [match for line in lines if (match := _FORMULA.match(line))]
    return [(match[1], match[2]) for match in matches]

"""HTML that is escaped by construction."""

from __future__ import annotations

from html import escape

_VOID = frozenset({"br", "img", "input", "meta"})


class Markup(str):
    """Text that is HTML already. Any other string is plain text and gets escaped."""

    __slots__ = ()


def join(*parts: str) -> Markup:
    """Concatenates parts, escaping those that are not `Markup`."""
    return Markup(
        "".join(part if isinstance(part, Markup) else escape(part) for part in parts)
    )


def element(tag: str, *children: str, **attributes: str | float | None) -> Markup:
    """One HTML or SVG element.

    Attribute names are Python's: `class_` is `class` and `data_chart` is `data-chart`.
    `True` gives a bare attribute; `None` and `False` leave it out.
    """
    opening = tag
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        opening += " " + name.rstrip("_").replace("_", "-")
        if value is not True:
            opening += f'="{escape(str(value))}"'
    if tag in _VOID:
        return Markup(f"<{opening}>")
    return Markup(f"<{opening}>{join(*children)}</{tag}>")

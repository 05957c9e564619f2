"""Pieces of a page in GitHub's Markdown."""

import re
from collections.abc import Iterable, Mapping


def escaped(text: str) -> str:
    r"""Text as Markdown: what stands outside of `code` is not to be read as markup."""
    parts = re.split(r"(`[^`]*`)", text)
    parts[::2] = [re.sub(r"([\\*<])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def code(lines: Mapping[str, str], between: str) -> str:
    """Lines as they are typed, each behind its name; the names share a column."""
    width = max(map(len, lines))
    body = [f"{name:{width}}{between}{x}" if name else x for name, x in lines.items()]
    return "\n".join(["```text", *body, "```"])


def items(*lines: str) -> str:
    """A list with dots."""
    return "\n".join(f"- {line}" for line in lines)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; no cell may hold a bar."""
    head = list(head)
    rule = ["---"] * len(head)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))

"""What the doctor says: rows of one type. No jax."""

from collections.abc import Sequence
from typing import Any, NamedTuple

_WIDTHS = 32, 58, 26


class Row(NamedTuple):
    """One thing that was looked at.

    `value` is what was found, in words and numbers; `promised` what ganjax says of it,
    "" where that is nothing; `ok` whether it is so; `mend` what to do where it is not.
    """

    what: str
    value: str
    promised: str = ""
    ok: bool = True
    mend: str = ""


HEAD = Row("what", "found", "promised")


def line(row: Row) -> str:
    """A row of the table."""
    verdict = "" if not row.promised else "ok" if row.ok else "NOT SO"
    if row is HEAD:
        verdict = "is it so"
    cells = zip((row.what, row.value, row.promised or "-"), _WIDTHS, strict=True)
    return "  ".join([*(f"{cell:<{width}}" for cell, width in cells), verdict]).rstrip()


def document(rows: Sequence[Row]) -> dict[str, Any]:
    """The table as JSON holds it: whether all is as promised, and the rows."""
    return {
        "ok": all(row.ok for row in rows),
        "rows": [
            {
                **row._asdict(),
                "promised": row.promised or None,
                "mend": row.mend or None,
            }
            for row in rows
        ],
    }

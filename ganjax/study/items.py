"""What a study returns: tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

Cell = str | int | float | None


class Table(NamedTuple):
    """A table of the page, also written as CSV.

    A float is shown to four significant digits, None as an empty cell; the CSV keeps
    every digit. Each row has one cell per column.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]  # cells; `check` refuses anything else
    note: str = ""


class Figure(NamedTuple):
    """A figure of the page, also written as SVG, or as PNG where it is an array.

    `image` is a matplotlib figure, as `plot` makes them, or uint8 `[H, W, 3]` or
    `[H, W]`.
    """

    title: str
    image: Any
    note: str = ""


def check(item: object) -> Table | Figure:
    """Returns what a study made, once it is known to be good.

    Raises:
      ValueError: neither a table nor a figure, a column's head that is no string, a row
        of the wrong length, a cell that cannot be shown, or an image that is not one.
    """
    if isinstance(item, Table):
        # Columns and rows may be made by zip or a generator, to be read once.
        columns, rows = tuple(item.columns), [tuple(row) for row in item.rows]
        for column in columns:
            if not isinstance(column, str):
                raise ValueError(
                    f"table {item.title!r}: the head of a column is a string, not "
                    f"{column!r}"
                )
        for row in rows:
            if len(row) != len(columns):
                raise ValueError(
                    f"table {item.title!r}: {len(columns)} columns, but the row "
                    f"{row!r} has {len(row)} cells"
                )
            for cell in row:
                # A NumPy scalar is what a mean often is.
                if not isinstance(cell, str | int | float | np.number | None):
                    raise ValueError(
                        f"table {item.title!r}: a cell is a string, a number or None, "
                        f"not {type(cell).__name__}"
                    )
        return item._replace(columns=columns, rows=rows)
    if isinstance(item, Figure):
        if not hasattr(item.image, "savefig") and not _is_picture(item.image):
            raise ValueError(
                f"figure {item.title!r}: the image must be a matplotlib figure or "
                f"uint8 [H, W, 3] or [H, W]"
            )
        return item
    raise ValueError(f"a study gives Tables and Figures, not {type(item).__name__}")


def _is_picture(image: object) -> bool:
    return (
        isinstance(image, np.ndarray)
        and image.dtype == np.uint8
        and image.size > 0
        and (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3))
    )

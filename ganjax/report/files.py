"""The files beside a comparison page: tables as CSV, figures as SVG or PNG."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from ganjax.record import files
from ganjax.report.markup import Markup, element
from ganjax.study import Cell


def encode(text: str) -> bytes:
    """As UTF-8; a byte of a file's name that is no letter is shown as a number."""
    return text.encode(errors="backslashreplace")


class Files:
    """Writes into the folder that is named as the page and lies beside it."""

    def __init__(self, page: Path) -> None:
        self._folder = page.with_suffix("")
        self._names: set[str] = set()

    def link(self, title: str, ending: str, data: bytes) -> Markup:
        """Writes a file, named after its title, and returns the link to it."""
        stem = re.sub(r"[^\w-]+", "_", title.lower()).strip("_") or "untitled"
        stem, name, number = stem[:60], f"{stem[:60]}.{ending}", 1
        while name in self._names:
            number += 1
            name = f"{stem}_{number}.{ending}"
        self._names.add(name)
        files.write_bytes(self._folder / name, data)
        address = quote(f"{self._folder.name}/{name}")
        return element("a", ending.upper(), href=address, class_="file")

    def table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]
    ) -> Markup:
        """Writes a table with every digit and returns the link to it."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
        return self.link(title, "csv", encode(stream.getvalue()))

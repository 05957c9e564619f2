"""One static HTML page from a run folder: `python -m ganjax.report RUN`. No jax."""

from __future__ import annotations

from pathlib import Path

from ganjax import record
from ganjax.report.page import render
from ganjax.report.runs import RunError, read_run

__all__ = ["RunError", "write"]


def write(workdir: str | Path, output: str | Path | None = None) -> Path:
    """Writes the page of the run in `workdir` and returns where it lies.

    Args:
      workdir: a run folder with `config.json` and at least one record of metrics.
      output: the page's file, `report.html` in the run folder unless given.

    Raises:
      RunError: the folder cannot be reported on; the message is one line.
      OSError: the page cannot be written.
    """
    path = Path(workdir, "report.html") if output is None else Path(output)
    record.write_bytes(path, render(read_run(Path(workdir))).encode())
    return path

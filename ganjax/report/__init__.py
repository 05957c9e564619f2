"""Static HTML pages: of one run, or comparing many. No jax.

python -m ganjax.report RUN
python -m ganjax.report SWEEP
python -m ganjax.report RUN RUN ... --output=FILE.html
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ganjax.record.files import write_bytes
from ganjax.report import page, sweep_page, sweeps
from ganjax.report.files import encode
from ganjax.report.sweeps import Sweep, is_sweep
from ganjax.study import Run, RunError, read_run

__all__ = [
    "RunError",
    "is_sweep",
    "read_run",
    "write",
    "write_comparison",
    "write_run",
    "write_sweep",
]


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
    write_run(read_run(Path(workdir)), path)
    return path


def write_run(run: Run, path: Path) -> None:
    """Writes the page of a run that was read; raises `OSError` where it cannot."""
    write_bytes(path, encode(page.render(run)))


def write_sweep(
    folder: str | Path, output: str | Path | None = None, *, run_study: bool = False
) -> str:
    """Writes the comparison page of a sweep, and its tables and figures beside it.

    Args:
      folder: a sweep folder with `sweep.json`.
      output: the page's file, `report.html` in the sweep folder unless given.
      run_study: whether to run the study of the file that `sweep.json` names even if
        it is not the file that was launched.

    Returns:
      What went wrong in the experiment's study, and which files of runs are damaged: a
      line for each, or "".

    Raises:
      RunError: the folder cannot be reported on; the message is one line.
      OSError: a file cannot be written.
    """
    path = Path(folder, "report.html") if output is None else Path(output)
    return _compare(sweeps.read_sweep(Path(folder)), path, run_study=run_study)


def write_comparison(workdirs: Sequence[str | Path], output: str | Path) -> str:
    """The comparison page of run folders; returns and raises as `write_sweep`."""
    runs = sweeps.read_runs([Path(workdir) for workdir in workdirs])
    return _compare(runs, Path(output))


def _compare(sweep: Sweep, path: Path, *, run_study: bool = False) -> str:
    if not path.suffix:
        # The folder of tables and figures is named after the page.
        raise RunError(f"{path}: the page needs an ending: --output={path}.html")
    made = sweep_page.render(sweep, path, run_study=run_study)
    write_bytes(path, encode(made.html))
    return "\n".join(made.problems)

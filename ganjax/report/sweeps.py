"""Reading a sweep, or several runs, with whatever there is of each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ganjax.report import text
from ganjax.study import Run, RunError, read_object, read_run

FINISHED = "done"


class Entry(NamedTuple):
    """One run of a comparison, perhaps only a planned one.

    `state` is that of its `status.json`, "missing" where it has not begun,
    "unreadable" where its folder is broken. `run` is None where there is no metric yet.
    """

    folder: Path
    config: Mapping[str, Any]  # dotted keys
    state: str
    step: int
    message: str
    run: Run | None


class Sweep(NamedTuple):
    """What is compared; `experiment` is "" where no sweep names one."""

    title: str
    folder: Path
    experiment: str
    overrides: Sequence[str]
    entries: Sequence[Entry]


def is_sweep(folder: str | Path) -> bool:
    """Whether a launcher wrote this folder."""
    return Path(folder, "sweep.json").is_file()


def read_sweep(folder: Path) -> Sweep:
    """Reads a sweep folder; runs that have not begun are entries too.

    Raises `RunError` where `sweep.json` is not what the launcher writes.
    """
    path = folder / "sweep.json"
    plan = read_object(path)
    try:
        points = [
            (folder / point["folder"], {**plan["common"], **point["config"]})
            for point in plan["points"]
        ]
        experiment, overrides = str(plan["experiment"]), list(plan["overrides"])
    except (KeyError, TypeError) as error:
        raise RunError(f"{path}: not a sweep of ganjax, {error!r}") from error
    if not points:
        raise RunError(f"{path}: a sweep without points")
    entries = [_read_entry(*point) for point in points]
    return Sweep(folder.resolve().name, folder, experiment, overrides, entries)


def read_runs(folders: Sequence[Path]) -> Sweep:
    """Reads run folders; raises `RunError` where one is none."""
    entries = []
    for folder in folders:
        run = read_run(folder)
        flat = {key: value for key, value in text.flatten(run.config) if value != {}}
        entries.append(_entry(folder, flat, run.status, run))
    return Sweep(f"{len(folders)} runs", Path(), "", (), entries)


def _read_entry(folder: Path, config: Mapping[str, Any]) -> Entry:
    try:
        status = read_object(folder / "status.json")
        run = read_run(folder) if (folder / "metrics.jsonl").is_file() else None
    except RunError as error:
        return Entry(folder, config, "unreadable", 0, str(error), None)
    return _entry(folder, config, status, run)


def _entry(
    folder: Path,
    config: Mapping[str, Any],
    status: Mapping[str, Any],
    run: Run | None,
) -> Entry:
    state = str(status.get("state", "missing" if run is None else "unknown"))
    message = str(status.get("message") or "")
    if state == FINISHED and (run is None or not run.evaluation.get("metrics")):
        state, message = "unreadable", "done, but without metrics or an evaluation"
    return Entry(folder, config, state, int(status.get("step", 0)), message, run)

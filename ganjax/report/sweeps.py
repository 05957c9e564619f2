"""Reading a sweep, or several runs, with whatever there is of each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ganjax.config.completion import renamed_key
from ganjax.record import reading
from ganjax.record.reading import RunError
from ganjax.report import text
from ganjax.study import Run, read_run

FINISHED = "done"
UNREADABLE = "unreadable"


class Entry(NamedTuple):
    """One run of a comparison, perhaps only a planned one.

    `state` is that of its `status.json`, "missing" where it has not begun,
    "unreadable" where its folder is broken. `run` is None where there is none to read.
    """

    folder: Path
    config: Mapping[str, Any]  # dotted keys
    state: str
    step: int
    message: str
    run: Run | None


class Sweep(NamedTuple):
    """What is compared; `experiment` is "" where no sweep names one.

    `experiment_hash` is what `experiment.file_hash` gave at the launch, or "".
    """

    title: str
    folder: Path
    experiment: str
    experiment_hash: str
    overrides: Sequence[str]
    entries: Sequence[Entry]


def is_sweep(folder: str | Path) -> bool:
    """Whether a launcher wrote this folder."""
    return Path(folder, reading.SWEEP).is_file()


def read_sweep(folder: Path) -> Sweep:
    """Reads a sweep folder; runs that have not begun are entries too.

    Raises `RunError` where `sweep.json` is not what the launcher writes.
    """
    plan = reading.read_sweep(folder)
    entries = [
        _read_entry(folder, point["folder"], plan["common"] | point["config"])
        for point in plan["points"]
    ]
    return Sweep(
        folder.resolve().name,
        folder,
        plan["experiment"],
        plan.get("experiment_hash", ""),
        plan["overrides"],
        entries,
    )


def read_runs(folders: Sequence[Path]) -> Sweep:
    """Reads run folders; raises `RunError` where one is none."""
    entries = []
    for folder in folders:
        run = read_run(folder)
        flat = {key: value for key, value in text.flatten(run.config) if value != {}}
        entries.append(_entry(folder, flat, run))
    return Sweep(text.counted(len(folders), "run"), Path(), "", "", (), entries)


def _read_entry(sweep: Path, name: str, written: Mapping[str, Any]) -> Entry:
    folder = sweep / name
    config = {renamed_key(key): value for key, value in written.items()}
    try:
        reading.inside(sweep, name)
        if not any((folder / x).exists() for x in ("config.json", "status.json")):
            return Entry(folder, config, "missing", 0, "", None)
        return _entry(folder, config, read_run(folder))
    except (RunError, OSError) as error:
        return Entry(folder, config, UNREADABLE, 0, str(error), None)


def _entry(folder: Path, config: Mapping[str, Any], run: Run) -> Entry:
    """A run that says it is done counts only with metrics and an evaluation."""
    state, step = run.status.get("state", "unknown"), run.status.get("step", 0)
    problems = list(run.problems)
    if state == FINISHED and not (run.metrics and run.evaluation):
        state = UNREADABLE
        problems = problems or [f"{folder}: done, but without an evaluation"]
    if not run.status and (folder / "status.json").exists():
        state = UNREADABLE
    message = "; ".join(filter(None, (run.status.get("message"), *problems)))
    return Entry(folder, config, state, step, message, run)

"""Reading a sweep, or several runs, with whatever there is of each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ganjax.config.completion import renamed_key
from ganjax.record import reading
from ganjax.record.reading import RunError
from ganjax.report import text
from ganjax.study import Run, read_point, read_run

FINISHED = "done"
UNREADABLE = "unreadable"


class SweepRun(NamedTuple):
    """One run of a comparison, perhaps only a planned one.

    `state` is that of its `status.json`, "missing" where it has not begun,
    "unreadable" where its folder is broken. `content` is None where there is none yet.
    """

    folder: Path
    config: Mapping[str, Any]  # dotted keys
    state: str
    step: int
    message: str
    content: Run | None


class Sweep(NamedTuple):
    """What is compared; `experiment` is "" where no sweep names one.

    `experiment_hash` is what `experiment.file_hash` gave at the launch, or "".
    """

    title: str
    folder: Path
    experiment: str
    experiment_hash: str
    overrides: Sequence[str]
    runs: Sequence[SweepRun]


def is_sweep(folder: str | Path) -> bool:
    """Whether a launcher wrote this folder."""
    return Path(folder, reading.SWEEP).is_file()


def read_sweep(folder: Path) -> Sweep:
    """Reads a sweep folder; runs that have not begun are in it too.

    Raises `RunError` where `sweep.json` is not what the launcher writes.
    """
    plan = reading.read_sweep(folder)
    runs = [
        _read(folder, point, plan["common"] | point["config"])
        for point in plan["points"]
    ]
    return Sweep(
        folder.resolve().name,
        folder,
        plan["experiment"],
        plan.get("experiment_hash", ""),
        plan["overrides"],
        runs,
    )


def read_runs(folders: Sequence[Path]) -> Sweep:
    """Reads run folders; raises `RunError` where one is none."""
    runs = []
    for folder in folders:
        content = read_run(folder)
        leaves = text.flatten(content.config)
        flat = {key: value for key, value in leaves if value != {}}
        runs.append(_judged(folder, flat, content))
    return Sweep(text.counted(len(folders), "run"), Path(), "", "", (), runs)


def _read(
    sweep: Path, point: Mapping[str, Any], written: Mapping[str, Any]
) -> SweepRun:
    folder = sweep / point["folder"]
    config = {renamed_key(key): value for key, value in written.items()}
    try:
        reading.inside(sweep, folder.name)
        if not any((folder / x).exists() for x in ("config.json", "status.json")):
            return SweepRun(folder, config, "missing", 0, "", None)
        return _judged(folder, config, read_point(sweep, point))
    except (RunError, OSError) as error:
        return SweepRun(folder, config, UNREADABLE, 0, str(error), None)


def _judged(folder: Path, config: Mapping[str, Any], content: Run) -> SweepRun:
    """A run that says it is done counts only with metrics and an evaluation."""
    state, step = content.status.get("state", "unknown"), content.status.get("step", 0)
    problems = list(content.problems)
    if state == FINISHED and not (content.metrics and content.evaluation):
        state = UNREADABLE
        problems = problems or [f"{folder}: done, but without an evaluation"]
    if not content.status and (folder / "status.json").exists():
        state = UNREADABLE
    message = "; ".join(filter(None, (content.status.get("message"), *problems)))
    return SweepRun(folder, config, state, step, message, content)

"""What run folders say: the only truth about how far a sweep is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ganjax.config.ranks import BEST, Ranking, key_measure, ranking_of
from ganjax.record.reading import RunError, read_evaluation, read_status
from ganjax.record.records import read_newest
from ganjax.record.status import write_status

# A run in these states is not run again: paused at a rung not before the rung is
# decided, and one that lost there not at all.
FINISHED = ("done", "diverged", "paused", "lost")


class View(NamedTuple):
    """How far a run is; `rate` is in steps per second of training, if it is known."""

    state: str
    step: int
    steps: int
    message: str = ""
    rate: float | None = None
    measure: tuple[str, float] | None = None  # the key measure's name and newest value


def look(folder: Path, steps: int) -> View:
    """Reads the folder of a run of `steps` steps; a run without one is waiting."""
    try:
        return _look(folder, steps)
    except (RunError, OSError) as error:
        return View("unreadable", 0, steps, str(error))


def _look(folder: Path, steps: int) -> View:
    status = read_status(folder)
    if not status:
        return View("waiting", 0, steps)
    state, step, message = status["state"], status["step"], status["message"]
    if state == "done":
        if not step == status["steps"] == steps:
            said = f"status.json says done at {step} of {status['steps']} steps"
            return View("stopped", step, steps, said)
        evaluation = read_evaluation(folder)
        if not evaluation:
            return View("stopped", step, steps, "its evaluation is missing")
        ranked, _ = ranking_of([evaluation.get("better", {})])
        key = _key(evaluation["metrics"], ranked)
        return View(state, step, steps, message, measure=key)
    newest = read_newest(folder)
    if state == "running" and newest:
        step = newest[-1]["step"]
    key = _key(_evaluations(newest), BEST)  # the end alone says what else ranks
    return View(state, step, steps, message, _rate(newest), key)


def saved_step(folder: Path) -> int:
    """The step at which the run last said how it stands, 0 before."""
    return _status(folder).get("step", 0)


def mark_failed(folder: Path, message: str) -> None:
    """Writes that a run failed, as one that was killed cannot write it itself.

    Without it the run would read "running" for ever.
    """
    status = _status(folder)
    if status.get("state") == "running":
        step, steps = status["step"], status["steps"]
        write_status(folder, state="failed", step=step, steps=steps, message=message)


def mark_lost(folder: Path, message: str) -> None:
    """Writes why a run does not go on, though it may be resumed."""
    status = _status(folder)
    if status.get("state") == "preempted":
        step, steps = status["step"], status["steps"]
        write_status(folder, state="preempted", step=step, steps=steps, message=message)


def _status(folder: Path) -> Mapping[str, Any]:
    try:
        return read_status(folder)
    except RunError:
        return {}


def _rate(records: list[dict[str, Any]]) -> float | None:
    """Steps per second over the newest records of one stretch of training."""
    if not records:
        return None
    first, last = records[0], records[-1]
    seconds = (last.get("seconds") or 0.0) - (first.get("seconds") or 0.0)
    return (last["step"] - first["step"]) / seconds if seconds > 0 else None


def _evaluations(records: list[dict[str, Any]]) -> dict[str, float]:
    """The newest value of each evaluation."""
    prefix = "evaluation/"
    return {
        name.removeprefix(prefix): value
        for record in records
        for name, value in record.items()
        if name.startswith(prefix)
    }


def _key(
    measures: Mapping[str, float | None], ranked: Ranking
) -> tuple[str, float] | None:
    name = key_measure(measures, ranked)
    value = None if name is None else measures[name]
    return None if name is None or value is None else (name, value)

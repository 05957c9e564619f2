"""How the runs of a sweep stand: what their folders say, and what rungs decided."""

from collections.abc import Mapping
from pathlib import Path

from launch.halving import is_judged
from launch.runs import FINISHED, View, look
from launch.sweep import Run, Sweep


def view_of(folder: Path, sweep: Sweep, run: Run, until: int | None = None) -> View:
    """How a run stands that is to come to step `until`, or to its end."""
    steps = (sweep.common | run.config).get("steps", 0)
    view = look(folder / run.folder, steps)
    if rung := sweep.lost_at(run):
        value = (rung.values or {}).get(run.folder)
        said = "nothing finite" if value is None else f"{value:.4g}"
        message = f"was not of {rung}: {said}"
        lost = view.state not in FINISHED  # nor trained on by a command of its own
        return view._replace(state="lost", message=message) if lost else view
    is_there = view.state == "preempted" and until is not None and view.step >= until
    if is_there and is_judged(folder / run.folder, until or 0):
        return view._replace(state="paused")
    return view


def views_of(folder: Path, sweep: Sweep, until: int | None = None) -> dict[str, View]:
    """Of all runs, by folder."""
    return {run.folder: view_of(folder, sweep, run, until) for run in sweep.runs}


def missing_of(sweep: Sweep, views: Mapping[str, View]) -> list[Run]:
    """The runs that have not ended."""
    return [x for x in sweep.runs if views[x.folder].state not in FINISHED]

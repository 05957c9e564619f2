"""Works on a sweep folder: runs what is missing, and says how it went."""

import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from ganjax.command.exits import Exit
from ganjax.config.experiment import ConfigError
from ganjax.record.files import remove_temporary
from launch import arrays, lock
from launch import sweep as sweeps
from launch.arrays import Open
from launch.halving import decide
from launch.packs import needed
from launch.remote import stand
from launch.runs import View, mark_lost
from launch.screen import TITLES, align, cells_of
from launch.sweep import Sweep, override
from launch.views import missing_of, view_of, views_of
from launch.way import Rest, Way


def preview(folder: Path, new: Sweep, way: Way) -> str:
    """A table of all runs of a sweep and their packs, and the command of the first.

    Raises:
      ConfigError: the folder holds something else.
    """
    old = sweeps.find(folder)
    sweep = new if old is None else sweeps.extend(folder, old, new)
    packs = way.packs(sweep, sweep.runs)
    sizes = needed(folder, sweep, packs)
    rows = [("", "folder", "pack", "arg", "overrides")]
    numbers = {run.index: i for i, pack in enumerate(packs) for run in pack}
    for run in sweep.runs:
        own = " ".join(map(override, run.overrides.items()))
        rows.append((str(run.index), run.folder, str(numbers[run.index]), run.arg, own))
    table = [("pack", "runs", "memory")]
    for index, (pack, size) in enumerate(zip(packs, sizes, strict=True)):
        table.append((str(index), str(len(pack)), f"at least {size}"))
    first = shlex.join(["python", *sweeps.command(folder, sweep, sweep.runs[0])])
    plan = way.plan(folder, packs)
    whole = [align(rows), *_outlook(sweep), "", plan, align(table), ""]
    return "\n".join([*whole, "The first run alone:", first])


def launch(folder: Path, new: Sweep, way: Way) -> int:
    """Begins, resumes or extends a sweep; returns the exit code.

    Raises:
      ConfigError: the folder holds something else, or a launcher works on it.
    """
    # Refuses a foreign folder, and what no scheduler takes, before anything is written.
    sweeps.find(folder)
    way.plan(folder, way.packs(new, new.runs))
    folder.mkdir(parents=True, exist_ok=True)
    with lock.hold(folder) as held:
        remove_temporary(folder)
        old = sweeps.find(folder)
        sweep = new if old is None else sweeps.extend(folder, old, new)
        sweeps.write(folder, sweep)
        return _work(folder, sweep, way, held)


def resume(folder: Path, way: Way) -> int:
    """Runs what is missing of a sweep, as it was launched; returns the exit code.

    Raises:
      ConfigError: not a sweep folder, a launcher works on it, or what would run is not
        what was launched.
    """
    sweep = open_sweep(folder)
    with lock.hold(folder) as held:
        remove_temporary(folder)
        if missing := missing_of(sweep, views_of(folder, sweep)):
            sweeps.check_unchanged(folder, sweep, missing)
        return _work(folder, sweep, way, held)


def open_sweep(folder: Path) -> Sweep:
    """The sweep of a folder; raises ConfigError where there is none."""
    sweep = sweeps.find(folder)
    if sweep is None:
        raise ConfigError(f"--workdir: {folder} is not a sweep folder")
    return sweep


def status(folder: Path, open_scheduler: Open) -> str:
    """A table of all runs, from the run folders and what schedulers say."""
    sweep, is_held = open_sweep(folder), lock.is_held(folder)
    found = arrays.ask(folder, open_scheduler)
    # A launcher works without tasks: on what a scheduler had before, perhaps.
    is_local = is_held and not (found.tasks or found.unknown)
    rows = [TITLES]
    for run in sweep.runs:
        view = view_of(folder, sweep, run)
        if not is_local:
            view = stand(folder, run, view, found)
            is_handed = run.folder in found.handed
            if view.state == "running" and not (is_held or is_handed):
                view = view._replace(state="stopped")
        rows.append((run.folder, *cells_of(view)))
    said = [f"{x}; the table is from the run folders" for x in found.unknown]
    return "\n".join([align(rows), *_outlook(sweep), *said])


def cancel(folder: Path, open_scheduler: Open) -> None:
    """Stops a launcher and all tasks; returns when the runs have ended.

    Raises:
      ConfigError: there is nothing to stop, or it cannot be stopped from here.
    """
    open_sweep(folder)
    found = arrays.ask(folder, open_scheduler)
    if found.unknown:
        raise ConfigError(found.unknown[0])
    if lock.is_held(folder) or not found.tasks:
        lock.cancel(folder)
    with lock.hold(folder):
        arrays.settle(folder, open_scheduler)
        arrays.cancel(folder, open_scheduler)


def _outlook(sweep: Sweep) -> list[str]:
    """What is known of the rungs and points to come, a line each."""
    lines = [f"only {x} go on, by halve(at)" for x in sweep.rungs if x.lost is None]
    if sweep.follow == "open":
        lines.append(
            "more points may follow, by follow(add, runs), once all these have ended"
        )
    return lines


def write_report(folder: Path, *, run_study: bool = False) -> int:
    """Has the report of a sweep folder written; returns the exit code."""
    command = [sys.executable, "-m", "ganjax.report", str(folder)]
    command += ["--run_study"] if run_study else []
    return subprocess.run(command, stdin=subprocess.DEVNULL).returncode


def _work(folder: Path, sweep: Sweep, way: Way, held: int) -> int:
    """Runs what is missing, and what follows from it; returns the exit code."""
    for index, rung in enumerate(sweep.rungs):
        if rung.lost is None:
            views, rest = _run_missing(folder, sweep, way, held, rung.step)
            if rest or missing_of(sweep, views):
                return _conclude(folder, views, rest)
            sweep = _halve(folder, sweep, index)
    while True:
        views, rest = _run_missing(folder, sweep, way, held)
        is_at_end = not missing_of(sweep, views)
        if is_at_end and sweep.follow != "open":
            return _conclude(folder, views, None)
        if rest or not is_at_end:
            return _conclude(folder, views, rest)
        sweep = _follow(folder, sweep)


def _halve(folder: Path, sweep: Sweep, index: int) -> Sweep:
    """Decides and records who goes on from a rung."""
    there = [run.folder for run in sweep.runs if not sweep.lost_at(run)]
    rungs = list(sweep.rungs)
    rungs[index] = decide(folder, rungs[index], there)
    halved = sweep._replace(rungs=rungs)
    sweeps.write(folder, halved)
    for run in halved.runs:
        view = view_of(folder, halved, run)
        if view.state == "lost":  # whoever reads its folder shall know
            mark_lost(folder / run.folder, view.message)
    going = len(there) - len(rungs[index].lost or ())
    print(f"{folder}: {rungs[index]}: {going} of {len(there)} runs go on", flush=True)
    return halved


def _follow(folder: Path, sweep: Sweep) -> Sweep:
    """Asks what follows from the runs, which have all ended, and records it."""
    longer = sweeps.follow(folder, sweep)
    sweeps.write(folder, longer)
    new = longer.runs[len(sweep.runs) :]
    if new:
        points = "a point" if len(new) == 1 else f"{len(new)} points"
        ends = " to ".join(dict.fromkeys((new[0].folder, new[-1].folder)))
        print(f"{folder}: stage {new[0].stage} adds {points}, {ends}", flush=True)
    else:
        print(f"{folder}: no more points follow", flush=True)
    return longer


def _run_missing(
    folder: Path, sweep: Sweep, way: Way, held: int, until: int | None = None
) -> tuple[dict[str, View], Rest | None]:
    """Runs what is missing, up to a step where one is given.

    Returns how all runs stand then, and why they have not all ended.
    """
    views = views_of(folder, sweep, until)
    if not missing_of(sweep, views):
        return views, None
    return views, way.run(folder, sweep, until, views, held)


def _conclude(folder: Path, views: Mapping[str, View], rest: Rest | None) -> int:
    """Says how the launch ended, has the report written; returns the exit code."""
    counts = Counter(view.state for view in views.values())
    words = ", ".join(f"{count} {state}" for state, count in counts.items())
    if rest:
        print(f"{folder}: {rest.why}, {words}; {rest.then}")
        return rest.code
    print(f"{folder}: {words}", flush=True)
    if write_report(folder):  # it has said what is wrong
        again = f"python -m launch report --workdir={folder}"
        line = f"launch: the report is not whole; once repaired: {again}"
        print(line, file=sys.stderr)
    return Exit.FAILED if counts["failed"] else Exit.DONE

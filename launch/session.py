"""Works on a sweep folder: runs what is missing, and says how it went."""

import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NamedTuple, Self

from ganjax.command.exits import Exit
from ganjax.config.experiment import ConfigError
from ganjax.record.files import remove_temporary
from launch import lock, pool
from launch import sweep as sweeps
from launch.backend import Command, Place
from launch.halving import decide, is_judged
from launch.packs import command, log_of, make_packs, needed
from launch.pool import Standing
from launch.runs import FINISHED, View, look, mark_failed, mark_lost, saved_step
from launch.screen import TITLES, Screen, align, cells_of
from launch.sweep import Run, Sweep, override

_POLL = 0.1  # seconds between two rounds of asking the back end


class Way(NamedTuple):
    """How a sweep is run: where, how many runs in a pack at most, and tried again."""

    place: Place
    most: int | None
    retries: int


class Stop:
    """While open, counts how often the user asks to stop: a second Ctrl-C ends it."""

    def __init__(self) -> None:
        self.asked = 0
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Self:
        """Installs the handlers; a signal that is ignored, as by nohup, stays so."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *_: object) -> None:
        """Puts the previous handlers back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _request(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.asked = 1
        elif number == signal.SIGINT:
            self.asked = 2


def preview(folder: Path, new: Sweep, way: Way) -> str:
    """A table of all runs of a sweep and their packs, and the command of the first.

    Raises:
      ConfigError: the folder holds something else.
    """
    old = sweeps.find(folder)
    sweep = new if old is None else sweeps.extend(folder, old, new)
    at_once = way.place.at_once(len(sweep.runs))
    packs = make_packs(sweep, sweep.runs, at_once, way.most)
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
    plan = f"{len(packs)} processes, {way.place.at_once(len(packs))} at a time:"
    whole = [align(rows), *_outlook(sweep), "", plan, align(table), ""]
    return "\n".join([*whole, "The first run alone:", first])


def launch(folder: Path, new: Sweep, way: Way) -> int:
    """Begins, resumes or extends a sweep; returns the exit code.

    Raises:
      ConfigError: the folder holds something else, or a launcher works on it.
    """
    sweeps.find(folder)  # refuses a foreign folder before anything is written
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
        if missing := _missing(sweep, _views(folder, sweep)):
            sweeps.check_unchanged(folder, sweep, missing)
        return _work(folder, sweep, way, held)


def open_sweep(folder: Path) -> Sweep:
    """The sweep of a folder; raises ConfigError where there is none."""
    sweep = sweeps.find(folder)
    if sweep is None:
        raise ConfigError(f"--workdir: {folder} is not a sweep folder")
    return sweep


def status(folder: Path) -> str:
    """A table of all runs, from the run folders alone."""
    sweep, is_held = open_sweep(folder), lock.is_held(folder)
    rows = [TITLES]
    for run in sweep.runs:
        view = _view(folder, sweep, run)
        if view.state == "running" and not is_held:
            view = view._replace(state="stopped")
        rows.append((run.folder, *cells_of(view)))
    return "\n".join([align(rows), *_outlook(sweep)])


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


def _view(folder: Path, sweep: Sweep, run: Run, until: int | None = None) -> View:
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


def _views(folder: Path, sweep: Sweep, until: int | None = None) -> dict[str, View]:
    return {run.folder: _view(folder, sweep, run, until) for run in sweep.runs}


def _missing(sweep: Sweep, views: Mapping[str, View]) -> list[Run]:
    return [x for x in sweep.runs if views[x.folder].state not in FINISHED]


def _work(folder: Path, sweep: Sweep, way: Way, held: int) -> int:
    """Runs what is missing, and what follows from it; returns the exit code."""
    for index, rung in enumerate(sweep.rungs):
        if rung.lost is None:
            views, stopped = _run_missing(folder, sweep, way, held, rung.step)
            if stopped or _missing(sweep, views):
                return _conclude(folder, views, stopped)
            sweep = _halve(folder, sweep, index)
    while True:
        views, stopped = _run_missing(folder, sweep, way, held)
        may_follow = sweep.follow == "open"
        if not may_follow or stopped or _missing(sweep, views):
            return _conclude(folder, views, stopped and may_follow)
        sweep = _follow(folder, sweep)


def _halve(folder: Path, sweep: Sweep, index: int) -> Sweep:
    """Decides and records who goes on from a rung."""
    there = [run.folder for run in sweep.runs if not sweep.lost_at(run)]
    rungs = list(sweep.rungs)
    rungs[index] = decide(folder, rungs[index], there)
    halved = sweep._replace(rungs=rungs)
    sweeps.write(folder, halved)
    for run in halved.runs:
        view = _view(folder, halved, run)
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
) -> tuple[dict[str, View], bool]:
    """Runs what is missing, up to a step where one is given.

    Returns how all runs stand then, and whether the user asked to stop meanwhile.
    """
    views = _views(folder, sweep, until)
    missing = _missing(sweep, views)
    if not missing:
        return views, False
    packs = make_packs(sweep, missing, way.place.at_once(len(missing)), way.most)
    with Stop() as stop, Screen(str(folder), views) as screen:
        while packs and not stop.asked:
            _run_packs(folder, sweep, way, held, until, packs, views, screen, stop)
            # Of a pack that failed perhaps one run did, whose folder is damaged.
            packs = [
                [run]
                for pack in packs
                for run in pack
                if len(pack) > 1 and views[run.folder].state == "failed"
            ]
    return views, bool(stop.asked)


def _run_packs(
    folder: Path,
    sweep: Sweep,
    way: Way,
    held: int,
    until: int | None,
    packs: Sequence[Sequence[Run]],
    views: dict[str, View],
    screen: Screen,
    stop: Stop,
) -> None:
    """Runs packs, and brings the views of their runs up to date."""
    for pack in packs:
        for run in pack:  # whatever an earlier launch left them as
            views[run.folder] = views[run.folder]._replace(state="waiting")

    def command_of(index: int) -> Command:
        """Trains those that have not ended; or looks once more at all."""
        pack = packs[index]
        left = _missing(sweep._replace(runs=list(pack)), _views(folder, sweep, until))
        return command(folder, sweep, pack, left or pack, until)

    standings = pool.run_all(
        len(packs),
        way.place.open(held, len(packs)),
        command_of=command_of,
        limit=way.place.at_once(len(packs)),
        retries=way.retries,
        step_of=lambda index: sum(
            saved_step(folder / run.folder) for run in packs[index]
        ),
        has_begun=lambda index: any(
            (folder / run.folder).exists() for run in packs[index]
        ),
        tick=partial(_tick, folder, sweep, packs, until, views, screen, stop),
    )
    for pack, standing in zip(packs, standings, strict=True):
        for run in pack:
            message = views[run.folder].message
            if standing.state == "refused":
                more = f" and {len(pack) - 1} more" if len(pack) > 1 else ""
                raise ConfigError(f"{run}{more}: {message}")
            if views[run.folder].state == "failed":
                mark_failed(folder / run.folder, message)


def _tick(
    folder: Path,
    sweep: Sweep,
    packs: Sequence[Sequence[Run]],
    until: int | None,
    views: dict[str, View],
    screen: Screen,
    stop: Stop,
    standings: Sequence[Standing],
) -> int:
    """Brings views and screen up to date, waits; returns how often a stop was asked."""
    is_due = screen.is_due()
    for pack, standing in zip(packs, standings, strict=True):
        for run in pack:
            state = views[run.folder].state
            changed = standing.state != state and state not in FINISHED
            if changed or (standing.state == "running" and is_due):
                fresh = _view(folder, sweep, run, until)
                views[run.folder] = _judge(fresh, standing, log_of(folder, pack))
    screen.update(views)
    time.sleep(_POLL)
    return stop.asked


def _judge(view: View, standing: Standing, log: Path) -> View:
    """What the folder of a run says, where its process has not said more.

    A run that has ended has, however the others of its pack fare.
    """
    if view.state in FINISHED:
        return view
    if standing.state in FINISHED:
        said = view.message or f"its status is {view.state}"
        code = int(Exit.DIVERGED if standing.state == "diverged" else Exit.DONE)
        message = f"it ended with {code}, but {said}"
        return view._replace(state="failed", message=message)
    message = ""
    again = standing.state == "waiting" and standing.failures > 0
    if again or standing.state in ("failed", "refused"):
        lines = log.read_text("utf-8", "replace").split("\n")
        message = next((line for line in reversed(lines) if line.strip()), "")
    message = message.removeprefix("ganjax: error: ")
    if again:
        message = f"to be tried again: {message}"
    elif standing.state == "waiting" and view.state == "preempted":
        message = "was preempted, resumes"
    return view._replace(state=standing.state, message=message)


def _conclude(folder: Path, views: Mapping[str, View], stopped: bool) -> int:
    """Says how the launch ended, has the report written; returns the exit code."""
    counts = Counter(view.state for view in views.values())
    words = ", ".join(f"{count} {state}" for state, count in counts.items())
    if counts["waiting"] or stopped:
        again = f"python -m launch resume --workdir={folder}"
        print(f"{folder}: stopped, {words}; to resume: {again}")
        return Exit.STOPPED
    print(f"{folder}: {words}", flush=True)
    if write_report(folder):  # it has said what is wrong
        again = f"python -m launch report --workdir={folder}"
        line = f"launch: the report is not whole; once repaired: {again}"
        print(line, file=sys.stderr)
    return Exit.FAILED if counts["failed"] else Exit.DONE

"""Works on a sweep folder: runs what is missing, and says how it went."""

import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Self

from ganjax.command.exits import Exit
from ganjax.config.experiment import ConfigError
from ganjax.record.files import remove_temporary
from launch import lock, pool
from launch import sweep as sweeps
from launch.backend import Backend, Command
from launch.pool import Standing
from launch.runs import FINISHED, View, look, mark_failed, saved_step
from launch.screen import TITLES, Screen, align, cells_of
from launch.sweep import Run, Sweep, override

_POLL = 0.1  # seconds between two rounds of asking the back end

# Makes a back end for a number of runs that inherit an open file; returns how many of
# them run at a time too.
MakeBackend = Callable[[int, int], tuple[Backend, int]]


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


def preview(folder: Path, new: Sweep) -> str:
    """A table of all runs of a sweep, and the command of the first.

    Raises:
      ConfigError: the folder holds something else.
    """
    old = sweeps.find(folder)
    sweep = new if old is None else sweeps.extend(folder, old, new)
    rows = [("", "folder", "arg", "overrides")]
    for run in sweep.runs:
        own = " ".join(map(override, run.overrides.items()))
        rows.append((str(run.index), run.folder, run.arg, own))
    first = shlex.join(["python", *sweeps.command(folder, sweep, sweep.runs[0])])
    return "\n".join([align(rows), *_outlook(sweep), "", first])


def launch(folder: Path, new: Sweep, make_backend: MakeBackend, *, retries: int) -> int:
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
        return _work(folder, sweep, partial(make_backend, held), retries)


def resume(folder: Path, make_backend: MakeBackend, *, retries: int) -> int:
    """Runs what is missing of a sweep, as it was launched; returns the exit code.

    Raises:
      ConfigError: not a sweep folder, a launcher works on it, or what would run is not
        what was launched.
    """
    sweep = open_sweep(folder)
    with lock.hold(folder) as held:
        remove_temporary(folder)
        missing = _missing(sweep, _views(folder, sweep))
        if missing or sweep.follow == "open":
            sweeps.check_unchanged(folder, sweep, missing)
        return _work(folder, sweep, partial(make_backend, held), retries)


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
    """What is known of the points to come, at most a line."""
    if sweep.follow != "open":
        return []
    return ["more points may follow, by follow(add, runs), once all these have ended"]


def write_report(folder: Path, *, run_study: bool = False) -> int:
    """Has the report of a sweep folder written; returns the exit code."""
    command = [sys.executable, "-m", "ganjax.report", str(folder)]
    command += ["--run_study"] if run_study else []
    return subprocess.run(command, stdin=subprocess.DEVNULL).returncode


def _view(folder: Path, sweep: Sweep, run: Run) -> View:
    steps = (sweep.common | run.config).get("steps", 0)
    return look(folder / run.folder, steps)


def _views(folder: Path, sweep: Sweep) -> dict[str, View]:
    return {run.folder: _view(folder, sweep, run) for run in sweep.runs}


def _missing(sweep: Sweep, views: Mapping[str, View]) -> list[Run]:
    return [x for x in sweep.runs if views[x.folder].state not in FINISHED]


def _work(
    folder: Path,
    sweep: Sweep,
    make_backend: Callable[[int], tuple[Backend, int]],
    retries: int,
) -> int:
    """Runs what is missing, and what follows from it; returns the exit code."""
    while True:
        views = _run_missing(folder, sweep, make_backend, retries)
        if sweep.follow != "open" or _missing(sweep, views):
            return _conclude(folder, views)
        sweep = _follow(folder, sweep)


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
    folder: Path,
    sweep: Sweep,
    make_backend: Callable[[int], tuple[Backend, int]],
    retries: int,
) -> dict[str, View]:
    """Runs what is missing; returns how all runs stand then."""
    views = _views(folder, sweep)
    missing = _missing(sweep, views)
    for run in missing:  # whatever an earlier launch left them as
        views[run.folder] = views[run.folder]._replace(state="waiting")
    if missing:
        backend, limit = make_backend(len(missing))
        with Stop() as stop, Screen(str(folder), views) as screen:
            standings = pool.run_all(
                [
                    Command(sweeps.command(folder, sweep, x), _log(folder, x))
                    for x in missing
                ],
                backend,
                limit=limit,
                retries=retries,
                step_of=lambda index: saved_step(folder / missing[index].folder),
                has_begun=lambda index: (folder / missing[index].folder).exists(),
                tick=partial(_tick, folder, sweep, missing, views, screen, stop),
            )
        for run, standing in zip(missing, standings, strict=True):
            message = views[run.folder].message
            if standing.state == "refused":
                raise ConfigError(f"{run}: {message}")
            if standing.state == "failed":
                mark_failed(folder / run.folder, message)
    return views


def _tick(
    folder: Path,
    sweep: Sweep,
    missing: Sequence[Run],
    views: dict[str, View],
    screen: Screen,
    stop: Stop,
    standings: Sequence[Standing],
) -> int:
    """Brings views and screen up to date, waits; returns how often a stop was asked."""
    is_due = screen.is_due()
    for run, standing in zip(missing, standings, strict=True):
        changed = standing.state != views[run.folder].state
        if changed or (standing.state == "running" and is_due):
            fresh = _view(folder, sweep, run)
            views[run.folder] = _judge(fresh, standing, _log(folder, run))
    screen.update(views)
    time.sleep(_POLL)
    return stop.asked


def _log(folder: Path, run: Run) -> Path:
    return folder / "logs" / f"{run.folder}.log"


def _judge(view: View, standing: Standing, log: Path) -> View:
    """What the folder of a run says, but in the state that its exit code told."""
    if standing.state == "done" and view.state != "done":
        said = view.message or f"its status is {view.state}"
        return view._replace(state="failed", message=f"it ended with 0, but {said}")
    message = view.message if standing.state in FINISHED else ""
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


def _conclude(folder: Path, views: Mapping[str, View]) -> int:
    """Says how the launch ended, has the report written; returns the exit code."""
    counts = Counter(view.state for view in views.values())
    words = ", ".join(f"{count} {state}" for state, count in counts.items())
    if counts["waiting"]:
        again = f"python -m launch resume --workdir={folder}"
        print(f"{folder}: stopped, {words}; to resume: {again}")
        return Exit.STOPPED
    print(f"{folder}: {words}", flush=True)
    if write_report(folder):  # it has said what is wrong
        again = f"python -m launch report --workdir={folder}"
        line = f"launch: the report is not whole; once repaired: {again}"
        print(line, file=sys.stderr)
    return Exit.FAILED if counts["failed"] else Exit.DONE

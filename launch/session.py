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

from ganjax.config.exits import Exit
from ganjax.config.experiment import ConfigError
from ganjax.record.files import remove_temporary
from launch import lock, pool
from launch import sweep as sweeps
from launch.backend import Backend, Task
from launch.pool import Trial
from launch.runs import FINISHED, View, look, mark_failed, saved_step
from launch.screen import TITLES, Screen, align, cells_of
from launch.sweep import Entry, Sweep, override

_POLL = 0.1  # seconds between two rounds of asking the jobs

# Makes a back end for a number of points at a time, whose runs inherit an open file;
# returns how many run at a time too.
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
    """A table of all points of a sweep, and the command of the first.

    Raises:
      ConfigError: the folder holds something else.
    """
    old = sweeps.find(folder)
    sweep = new if old is None else sweeps.extend(folder, old, new)
    rows = [("", "folder", "arg", "overrides")]
    for entry in sweep.points:
        own = " ".join(map(override, entry.overrides.items()))
        rows.append((str(entry.index), entry.folder, entry.arg, own))
    first = shlex.join(["python", *sweeps.command(folder, sweep, sweep.points[0])])
    return f"{align(rows)}\n\n{first}"


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
        if missing := _missing(sweep, _views(folder, sweep)):
            sweeps.check_unchanged(folder, sweep, missing)
        return _work(folder, sweep, partial(make_backend, held), retries)


def open_sweep(folder: Path) -> Sweep:
    """The sweep of a folder; raises ConfigError where there is none."""
    sweep = sweeps.find(folder)
    if sweep is None:
        raise ConfigError(f"--workdir: {folder} is not a sweep folder")
    return sweep


def status(folder: Path) -> str:
    """A table of all points, from the run folders alone."""
    sweep, is_held = open_sweep(folder), lock.is_held(folder)
    rows = [TITLES]
    for entry in sweep.points:
        view = _view(folder, sweep, entry)
        if view.state == "running" and not is_held:
            view = view._replace(state="stopped")
        rows.append((entry.folder, *cells_of(view)))
    return align(rows)


def write_report(folder: Path, *, run_study: bool = False) -> int:
    """Has the report of a sweep folder written; returns the exit code."""
    command = [sys.executable, "-m", "ganjax.report", str(folder)]
    command += ["--run_study"] if run_study else []
    return subprocess.run(command, stdin=subprocess.DEVNULL).returncode


def _view(folder: Path, sweep: Sweep, entry: Entry) -> View:
    steps = (sweep.common | entry.config).get("steps", 0)
    return look(folder / entry.folder, steps)


def _views(folder: Path, sweep: Sweep) -> dict[str, View]:
    return {entry.folder: _view(folder, sweep, entry) for entry in sweep.points}


def _missing(sweep: Sweep, views: Mapping[str, View]) -> list[Entry]:
    return [x for x in sweep.points if views[x.folder].state not in FINISHED]


def _work(
    folder: Path,
    sweep: Sweep,
    make_backend: Callable[[int], tuple[Backend, int]],
    retries: int,
) -> int:
    views = _views(folder, sweep)
    missing = _missing(sweep, views)
    for entry in missing:  # whatever an earlier launch left them as
        views[entry.folder] = views[entry.folder]._replace(state="waiting")
    if missing:
        backend, limit = make_backend(len(missing))
        with Stop() as stop, Screen(str(folder), views) as screen:
            trials = pool.run_all(
                [
                    Task(sweeps.command(folder, sweep, x), _log(folder, x))
                    for x in missing
                ],
                backend,
                limit=limit,
                retries=retries,
                step_of=lambda index: saved_step(folder / missing[index].folder),
                has_begun=lambda index: (folder / missing[index].folder).exists(),
                tick=partial(_tick, folder, sweep, missing, views, screen, stop),
            )
        for entry, trial in zip(missing, trials, strict=True):
            message = views[entry.folder].message
            if trial.state == "refused":
                raise ConfigError(f"{entry}: {message}")
            if trial.state == "failed":
                mark_failed(folder / entry.folder, message)
    return _conclude(folder, views)


def _tick(
    folder: Path,
    sweep: Sweep,
    missing: Sequence[Entry],
    views: dict[str, View],
    screen: Screen,
    stop: Stop,
    trials: Sequence[Trial],
) -> int:
    """Brings views and screen up to date, waits; returns how often a stop was asked."""
    is_due = screen.is_due()
    for entry, trial in zip(missing, trials, strict=True):
        changed = trial.state != views[entry.folder].state
        if changed or (trial.state == "running" and is_due):
            fresh = _view(folder, sweep, entry)
            views[entry.folder] = _judge(fresh, trial, _log(folder, entry))
    screen.update(views)
    time.sleep(_POLL)
    return stop.asked


def _log(folder: Path, entry: Entry) -> Path:
    return folder / "logs" / f"{entry.folder}.log"


def _judge(view: View, trial: Trial, log: Path) -> View:
    """What the folder of a run says, but in the state that its exit code told."""
    if trial.state == "done" and view.state != "done":
        said = view.message or f"its status is {view.state}"
        return view._replace(state="failed", message=f"it ended with 0, but {said}")
    message = view.message if trial.state in FINISHED else ""
    again = trial.state == "waiting" and trial.failures > 0
    if again or trial.state in ("failed", "refused"):
        lines = log.read_text("utf-8", "replace").split("\n")
        message = next((line for line in reversed(lines) if line.strip()), "")
    message = message.removeprefix("ganjax: error: ")
    if again:
        message = f"to be tried again: {message}"
    elif trial.state == "waiting" and view.state == "preempted":
        message = "was preempted, goes on"
    return view._replace(state=trial.state, message=message)


def _conclude(folder: Path, views: Mapping[str, View]) -> int:
    """Says how the launch ended, has the report written; returns the exit code."""
    counts = Counter(view.state for view in views.values())
    words = ", ".join(f"{count} {state}" for state, count in counts.items())
    if counts["waiting"]:
        again = f"python -m launch resume --workdir={folder}"
        print(f"{folder}: stopped, {words}; to go on: {again}")
        return Exit.STOPPED
    print(f"{folder}: {words}", flush=True)
    if write_report(folder):  # it has said what is wrong
        again = f"python -m launch report --workdir={folder}"
        print(f"launch: the report is not whole; once mended: {again}", file=sys.stderr)
    return Exit.FAILED if counts["failed"] else Exit.DONE

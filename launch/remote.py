"""Runs a sweep by a scheduler: hands over what is missing, and leaves or waits."""

import math
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganjax.command.exits import Exit
from ganjax.config.experiment import ConfigError
from launch import arrays
from launch.arrays import Found, Handed, Open
from launch.backend import SchedulerError
from launch.packs import last_words, log_of, make_packs
from launch.runs import FINISHED, View, mark_failed
from launch.screen import Screen
from launch.sweep import Run, Sweep
from launch.views import missing_of, view_of
from launch.watch import Stop
from launch.way import Rest, resumable

_POLL_SECONDS = 5.0  # between two questions to the scheduler
_GLANCE_SECONDS = 0.1  # between two looks whether the user asks to stop


class Remote:
    """Runs packs as tasks of a scheduler.

    Attributes:
      backend: name of the scheduler, by which `open_scheduler` opens it.
      options: of it.
      at_once: tasks at a time; None leaves it to the scheduler.
      most: runs in a pack, as of `make_packs`.
      retries: how often a task that failed is started again.
      wait: whether to stay until all tasks have ended.
    """

    def __init__(
        self,
        backend: str,
        options: Mapping[str, Any],
        open_scheduler: Open,
        *,
        at_once: int | None,
        most: int | None,
        retries: int,
        wait: bool,
    ) -> None:
        self.backend, self.options = backend, dict(options)
        self._open = open_scheduler
        self._scheduler = open_scheduler(backend, options)
        self._at_once, self._retries, self._wait = at_once, retries, wait
        self._most = 1 if self._scheduler.processes > 1 else most

    def packs(self, sweep: Sweep, runs: Sequence[Run]) -> list[list[Run]]:
        """Runs that share a task: all alone, unless told how many are at a time."""
        at_once = self._at_once or max(1, len(runs))
        return make_packs(sweep, runs, at_once, self._most)

    def plan(self, folder: Path, packs: Sequence[Sequence[Run]]) -> str:
        """What would be handed over, in whole.

        Raises:
          ConfigError: the scheduler would refuse.
        """
        parts = [f"{len(packs)} tasks of {self.backend}:"]
        for path, handed in self._handed(folder, packs, None):
            array = arrays.array(path, handed, self._at_once)
            try:
                parts.append(self._scheduler.render(array).rstrip("\n"))
            except SchedulerError as error:
                raise ConfigError(f"{self.backend}: {error}") from error
        return "\n\n".join(parts) + "\n"

    def run(
        self,
        folder: Path,
        sweep: Sweep,
        until: int | None,
        views: dict[str, View],
        held: int,
    ) -> Rest | None:
        """Hands over what no task is at work on; waits where that was asked for.

        Raises:
          ConfigError: the scheduler refuses, or cannot be asked.
        """
        arrays.settle(folder, self._open)
        found = arrays.ask(folder, self._open)
        if found.unknown:
            raise ConfigError(found.unknown[0])
        _stand(folder, sweep, until, views, found)
        missing = [x for x in missing_of(sweep, views) if x.folder not in found.tasks]
        failed = [x for x in missing if views[x.folder].state == "failed"]
        others = [x for x in missing if x not in failed]
        packs = [*self.packs(sweep, others), *([run] for run in failed)]
        self._hand_over(folder, packs, until, held)
        whole = shlex.quote(str(folder))
        then = f"how they stand: python -m launch status --workdir={whole}"
        if not self._wait:
            return Rest(f"with {self.backend}", then, Exit.DONE)
        with Stop() as stop, Screen(str(folder), views) as screen:
            while True:
                found = self._await(folder, sweep, until, views, screen, stop)
                # Of a pack that failed perhaps one run did.
                packs = [
                    [run]
                    for run in sweep.runs
                    if views[run.folder].state == "failed"
                    and len(found.pack_of(run.folder)) > 1
                ]
                if stop.asked or not packs:
                    break
                self._hand_over(folder, packs, until, held)
        if stop.asked:
            return Rest(f"left with {self.backend}", then, Exit.STOPPED)
        if any(view.state not in (*FINISHED, "failed") for view in views.values()):
            return resumable(folder)  # somebody cancelled them
        return None

    def _handed(
        self, folder: Path, packs: Sequence[Sequence[Run]], until: int | None
    ) -> list[tuple[Path, Handed]]:
        """Packs as arrays, none of more tasks than the scheduler takes."""
        made: list[tuple[Path, Handed]] = []
        for first in range(0, len(packs), self._scheduler.most):
            path, name = arrays.new(folder, len(made))
            some = packs[first : first + self._scheduler.most]
            handed = Handed(
                backend=self.backend,
                options=self.options,
                name=name,
                packs=[[run.folder for run in pack] for pack in some],
                cwd=os.getcwd(),
                until=until,
                retries=self._retries,
            )
            made.append((path, handed))
        return made

    def _hand_over(
        self,
        folder: Path,
        packs: Sequence[Sequence[Run]],
        until: int | None,
        held: int,
    ) -> None:
        (folder / "logs").mkdir(exist_ok=True)
        for path, handed in self._handed(folder, packs, until):
            key = arrays.hand_over(path, handed, self._scheduler, self._at_once, held)
            tasks = "a task" if len(handed.packs) == 1 else f"{len(handed.packs)} tasks"
            print(f"{folder}: {tasks} handed to {self.backend} as {key}", flush=True)

    def _await(
        self,
        folder: Path,
        sweep: Sweep,
        until: int | None,
        views: dict[str, View],
        screen: Screen,
        stop: Stop,
    ) -> Found:
        """Brings views up to date until no task is left, or the user asks to stop."""
        due, unknown = -math.inf, list[str]()
        while True:
            if time.monotonic() >= due:
                found = arrays.ask(folder, self._open)
                _stand(folder, sweep, until, views, found)
                screen.update(views)
                if stop.asked or not (found.tasks or found.unknown):
                    break
                if found.unknown != unknown:
                    unknown = found.unknown
                    screen.say(unknown[0] if unknown else "the scheduler answers again")
                due = time.monotonic() + _POLL_SECONDS
            time.sleep(_GLANCE_SECONDS)
        for run in sweep.runs:
            if views[run.folder].state == "failed":
                mark_failed(folder / run.folder, views[run.folder].message)
        return found


def _stand(
    folder: Path,
    sweep: Sweep,
    until: int | None,
    views: dict[str, View],
    found: Found,
) -> None:
    """Brings views up to date, with what was found before."""
    for run in sweep.runs:
        view = view_of(folder, sweep, run, until)
        views[run.folder] = stand(folder, run, view, found)


def stand(folder: Path, run: Run, view: View, found: Found) -> View:
    """How a run stands, by its folder and what was found of its task before."""
    handed, task = found.handed.get(run.folder), found.tasks.get(run.folder)
    if view.state in FINISHED or handed is None:
        return view
    if task:
        state = "waiting" if task.state == "queued" else task.state
        return view._replace(state=state, message=task.why)
    if found.unknown or view.state not in ("running", "waiting", "failed"):
        return view
    if handed.cancelled and view.state != "failed":
        return view._replace(state="stopped") if view.state == "running" else view
    said = last_words(log_of(folder, found.pack_of(run.folder)))
    return view._replace(state="failed", message=view.message or said)

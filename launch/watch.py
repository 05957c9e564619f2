"""Watches over the processes of a sweep that this machine runs."""

import signal
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Self

from ganjax.command.exits import Exit
from ganjax.config.experiment import ConfigError
from launch import arrays, pool
from launch.arrays import Open
from launch.backend import Command, Place
from launch.packs import command, last_words, log_of, make_packs
from launch.pool import Standing
from launch.runs import FINISHED, View, mark_failed, saved_step
from launch.screen import Screen
from launch.sweep import Run, Sweep
from launch.views import missing_of, view_of, views_of
from launch.way import Rest, resumable

_POLL = 0.1  # seconds between two rounds of asking the back end


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


class Local:
    """Runs packs as processes of this machine, and stays until they have ended.

    Attributes:
      place: where.
      most: runs in a pack, as of `make_packs`.
      retries: how often a process that failed is tried again.
      open_scheduler: opens those that may be at work on the sweep.
    """

    def __init__(
        self,
        place: Place,
        open_scheduler: Open,
        *,
        most: int | None,
        retries: int,
    ) -> None:
        self._place, self._open = place, open_scheduler
        self._most, self._retries = most, retries

    def packs(self, sweep: Sweep, runs: Sequence[Run]) -> list[list[Run]]:
        """Runs that share a process, so that all that are at a time have work."""
        return make_packs(sweep, runs, self._place.at_once(len(runs)), self._most)

    def plan(self, folder: Path, packs: Sequence[Sequence[Run]]) -> str:
        """How many processes, and how many of them at a time."""
        at_once = self._place.at_once(len(packs))
        return f"{len(packs)} processes, {at_once} at a time:"

    def run(
        self,
        folder: Path,
        sweep: Sweep,
        until: int | None,
        views: dict[str, View],
        held: int,
    ) -> Rest | None:
        """Runs what is missing; stops where the user asks for it.

        Raises:
          ConfigError: a run is refused, and so would the others be; or a scheduler
            works on the sweep.
        """
        arrays.check_idle(folder, self._open)
        packs = self.packs(sweep, missing_of(sweep, views))
        with Stop() as stop, Screen(str(folder), views) as screen:
            while packs and not stop.asked:
                self._run(folder, sweep, packs, until, views, held, screen, stop)
                # Of a pack that failed perhaps one run did, whose folder is damaged.
                packs = [
                    [run]
                    for pack in packs
                    for run in pack
                    if len(pack) > 1 and views[run.folder].state == "failed"
                ]
        if stop.asked or any(view.state == "waiting" for view in views.values()):
            return resumable(folder)
        return None

    def _run(
        self,
        folder: Path,
        sweep: Sweep,
        packs: Sequence[Sequence[Run]],
        until: int | None,
        views: dict[str, View],
        held: int,
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
            now = views_of(folder, sweep, until)
            left = missing_of(sweep._replace(runs=list(pack)), now)
            return command(folder, sweep, pack, left or pack, until)

        standings = pool.run_all(
            len(packs),
            self._place.open(held, len(packs)),
            command_of=command_of,
            limit=self._place.at_once(len(packs)),
            retries=self._retries,
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
        log = log_of(folder, [run.folder for run in pack])
        for run in pack:
            state = views[run.folder].state
            changed = standing.state != state and state not in FINISHED
            if changed or (standing.state == "running" and is_due):
                fresh = view_of(folder, sweep, run, until)
                views[run.folder] = _judge(fresh, standing, log)
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
    again = standing.state == "waiting" and standing.failures > 0
    has_failed = again or standing.state in ("failed", "refused")
    message = last_words(log) if has_failed else ""
    if again:
        message = f"to be tried again: {message}"
    elif standing.state == "waiting" and view.state == "preempted":
        message = "was preempted, resumes"
    return view._replace(state=standing.state, message=message)

"""The ways to run a sweep: by processes of this machine, or by a scheduler."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from ganjax.command.exits import Exit
from launch.runs import View
from launch.sweep import Run, Sweep


class Rest(NamedTuple):
    """Why a sweep has not come to its end, and what can be done, in a few words each.

    `code` is what the command ends with.
    """

    why: str
    then: str
    code: Exit


def resumable(folder: Path) -> Rest:
    """Of a sweep whose runs were stopped."""
    again = f"python -m launch resume --workdir={shlex.quote(str(folder))}"
    return Rest("stopped", f"to resume: {again}", Exit.STOPPED)


class Way(Protocol):
    """Runs what is missing of a sweep."""

    def packs(self, sweep: Sweep, runs: Sequence[Run]) -> list[list[Run]]:
        """Which runs share a process or a task, in their order."""

    def plan(self, folder: Path, packs: Sequence[Sequence[Run]]) -> str:
        """What would be started, in words, with packs listed below."""

    def run(
        self,
        folder: Path,
        sweep: Sweep,
        until: int | None,
        views: dict[str, View],
        held: int,
    ) -> Rest | None:
        """Runs what is missing, and brings the views up to date.

        Args:
          folder: of the sweep.
          sweep: the runs.
          until: the step to come to; None is the end.
          views: how the runs stand, by their folders.
          held: the open file that is the lock of the folder.

        Returns:
          None once all runs have ended or failed.

        Raises:
          ConfigError: a run or the scheduler refuses.
        """

"""What a back end has to do: start a run somewhere, ask after it, end it."""

from pathlib import Path
from typing import Any, NamedTuple, Protocol


class Task(NamedTuple):
    """One run: what comes after `python` on its command line, and its log file."""

    command: list[str]
    log: Path


class Backend(Protocol):
    """Starts tasks and tells how they ended. A job is whatever the back end likes."""

    def submit(self, task: Task) -> Any:
        """Starts a task, what it prints being appended to its log; returns its job."""

    def poll(self, job: Any) -> int | None:
        """The exit code of a job, or minus the signal that ended it; None before."""

    def cancel(self, job: Any) -> None:
        """Asks a job to save and to end; asked a second time, ends it at once."""

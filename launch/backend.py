"""What a back end has to do: start a run somewhere, ask after it, end it."""

from pathlib import Path
from typing import Any, NamedTuple, Protocol


class Command(NamedTuple):
    """What starts a run: what comes after `python`, and the run's log file."""

    words: list[str]
    log: Path


class Backend(Protocol):
    """Starts runs and tells how they ended, by handles of whatever type it likes."""

    def submit(self, command: Command) -> Any:
        """Starts a run, whose output is appended to its log; returns a handle."""

    def poll(self, handle: Any) -> int | None:
        """The exit code of a run, or minus the signal that ended it; None before."""

    def cancel(self, handle: Any) -> None:
        """Asks a run to save and to end; asked a second time, ends it at once."""

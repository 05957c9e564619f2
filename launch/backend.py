"""What a back end has to do: start runs somewhere, ask after them, end them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol


class Command(NamedTuple):
    """What starts a run or a pack: what comes after `python`, and the log file."""

    words: list[str]
    log: Path


class Backend(Protocol):
    """Starts processes and tells how they ended, by handles of a type of its own."""

    def submit(self, command: Command) -> Any:
        """Starts one, whose output is appended to its log; returns a handle."""

    def poll(self, handle: Any) -> int | None:
        """Its exit code, or minus the signal that ended it; None before."""

    def cancel(self, handle: Any) -> None:
        """Asks it to save and to end; asked a second time, ends it at once."""


class Place(NamedTuple):
    """Where a sweep is run.

    `at_once(count)` is how many of so many processes run at a time; `open(held, count)`
    makes a back end for them, which inherit the open file `held`.
    """

    at_once: Callable[[int], int]
    open: Callable[[int, int], Backend]

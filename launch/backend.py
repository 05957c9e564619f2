"""What a back end has to do, of either kind.

One that starts processes itself is a `Backend`: the launcher stays and watches them.
One that hands them to a scheduler is a `Scheduler`: the launcher may leave, and another
one asks later how they stand.
"""

from collections.abc import Callable, Mapping
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


class Array(NamedTuple):
    """Tasks for a scheduler, numbered from 0, each of which trains a run or a pack.

    A task that ends with 75, or by a signal, is to be started again without charge; one
    that ends with 2 or 3 is not; all others `retries` times.

    Attributes:
      name: 40 of a to z, 0 to 9 and "-" at most; no other has it.
      words: what comes after `python`, to which a task adds its number.
      size: how many tasks.
      folder: of the sweep, an absolute path that the tasks see too.
      cwd: the folder that names of experiment files are relative to.
      at_once: tasks at a time; None leaves it to the scheduler.
      retries: how often a task that failed is started again.
    """

    name: str
    words: list[str]
    size: int
    folder: Path
    cwd: Path
    at_once: int | None
    retries: int


class Task(NamedTuple):
    """A task that has not ended: `state` is queued or running; `why` in few words."""

    state: str
    why: str = ""


class SchedulerError(Exception):
    """The scheduler cannot be asked, or refuses: one line, for the user."""


class Scheduler(Protocol):
    """Takes arrays of tasks; all methods raise `SchedulerError`.

    How a task ended is not asked: the folders of its runs say it.
    """

    most: int  # tasks of an array
    processes: int  # that train a run together; where there are several, none is packed

    def render(self, array: Array) -> str:
        """What is handed over, as text; asks nobody."""

    def submit(self, array: Array, held: int) -> str:
        """Hands it over; returns the scheduler's own name for it.

        A child process that does so inherits the open file `held`, so that while it
        lives no other launcher looks whether the array is there.
        """

    def find(self, name: str) -> str | None:
        """The scheduler's own name for an array that was handed over, if it was."""

    def ask(self, key: str) -> Mapping[int, Task]:
        """The tasks of an array that have not ended, by number."""

    def cancel(self, key: str, *, now: bool = False) -> None:
        """Asks all tasks to save and to end, and starts none again; `now` ends them."""

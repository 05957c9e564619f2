"""One launcher at a time: a lock that is held until its last run has ended.

The runs inherit its open file, so that a launcher that was killed holds it for as long
as its runs still save.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganjax.config.experiment import ConfigError
from ganjax.record import lock

NAME = "launch.lock"

_PAUSE = 0.1  # seconds between two looks


@contextmanager
def hold(folder: Path) -> Iterator[int]:
    """Takes the lock of a sweep folder; yields the open file that runs must inherit.

    Where the launcher is gone but its runs are not, waits for them.

    Raises:
      ConfigError: a launcher works on the folder.
    """
    with lock.hold(folder / NAME, "a launcher") as file:
        yield file


def is_held(folder: Path) -> bool:
    """Whether a launcher works on a sweep folder, or runs that it left still do."""
    return lock.is_held(folder / NAME)


def cancel(folder: Path) -> None:
    """Asks the launcher of a sweep folder to stop; returns when its runs have ended.

    Raises:
      ConfigError: no launcher works on the folder, or one of another machine does.
    """
    if not is_held(folder):
        raise ConfigError(f"no launcher works on {folder}")
    owner = lock.read_owner(folder / NAME)
    if owner and not owner.is_here():
        raise ConfigError(f"the launcher of {folder} is {owner}; cancel it there")
    if owner and lock.is_alive(owner.process):
        os.kill(owner.process, signal.SIGTERM)
    while is_held(folder):
        time.sleep(_PAUSE)

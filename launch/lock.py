"""One launcher at a time: a lock that is held until its last run has ended.

The lock is an open file that the runs inherit, so that a launcher that was killed holds
it for as long as its runs still save. Its content says which launcher it was.
"""

import fcntl
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ganjax.experiment import ConfigError

NAME = "launch.lock"

_PAUSE = 0.1  # seconds between two tries
_GRACE = 10  # tries before the user is told what is waited for


class Owner(NamedTuple):
    """The launcher that took the lock last."""

    process: int
    hostname: str

    def __str__(self) -> str:
        """As messages name it."""
        return f"process {self.process} on {self.hostname}"


@contextmanager
def hold(folder: Path) -> Iterator[int]:
    """Takes the lock of a sweep folder; yields the open file that runs must inherit.

    Where the launcher is gone but its runs are not, waits for them.

    Raises:
      ConfigError: a launcher works on the folder.
    """
    file = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _wait_for(file, folder)
        os.ftruncate(file, 0)
        mine = {"process": os.getpid(), "hostname": platform.node()}
        os.pwrite(file, json.dumps(mine).encode() + b"\n", 0)
        yield file
    finally:
        os.close(file)


def is_held(folder: Path) -> bool:
    """Whether a launcher works on a sweep folder, or runs that it left still do."""
    try:
        file = os.open(folder / NAME, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _try(file, fcntl.LOCK_SH)
    finally:
        os.close(file)


def cancel(folder: Path) -> None:
    """Asks the launcher of a sweep folder to stop; returns when its runs have ended.

    Raises:
      ConfigError: no launcher works on the folder, or one of another machine does.
    """
    if not is_held(folder):
        raise ConfigError(f"no launcher works on {folder}")
    owner = _owner(folder)
    if owner and owner.hostname != platform.node():
        raise ConfigError(f"the launcher of {folder} is {owner}; cancel it there")
    if owner and _is_alive(owner):
        os.kill(owner.process, signal.SIGTERM)
    while is_held(folder):
        time.sleep(_PAUSE)


def _wait_for(file: int, folder: Path) -> None:
    tries = 0
    while not _try(file, fcntl.LOCK_EX):
        owner = _owner(folder)
        if owner and _is_alive(owner):
            raise ConfigError(f"--workdir: a launcher works on {folder}: {owner}")
        tries += 1
        if tries == _GRACE:
            said = f"the launcher, {owner}, is gone; its runs still save: waiting"
            print(said, file=sys.stderr)
        time.sleep(_PAUSE)


def _try(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(folder: Path) -> Owner | None:
    """None in the moment between a launcher's taking the lock and its signing."""
    try:
        found = json.loads((folder / NAME).read_bytes())
        return Owner(int(found["process"]), str(found["hostname"]))
    except (ValueError, TypeError, KeyError):
        return None


def _is_alive(owner: Owner) -> bool:
    """Whether the process exists; one of another machine is taken to."""
    if owner.hostname != platform.node():
        return True
    try:
        os.kill(owner.process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True

"""One process at a time works on a folder. No jax.

The lock is an open file, which the system frees when its last holder has ended, and
which says whose it is. Some file systems lock for one host alone, or not at all: so the
holder touches the lock every few seconds, and a lock of another host counts as long as
it is touched.
"""

import errno
import fcntl
import json
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from ganjax.config.experiment import ConfigError

RUN = "run.lock"  # in a run folder, of the training

TOUCH_SECONDS = 5.0  # between two touches
STALE_SECONDS = 60.0  # without a touch, until another host's lock is taken over

_PAUSE = 0.1  # seconds between two tries
_GRACE = 10  # tries before the user is told what is waited for
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)


class Owner(NamedTuple):
    """The process that took a lock last."""

    process: int
    hostname: str

    def __str__(self) -> str:
        """As messages name it."""
        return f"process {self.process} on {self.hostname}"

    def is_here(self) -> bool:
        """Whether it is, or was, a process of this host."""
        return self.hostname == platform.node()


@contextmanager
def hold(path: Path, holder: str) -> Iterator[int]:
    """Takes the lock at `path`, whose folder is there; yields its open file.

    It is held until this process and all that inherited the file have ended. `holder`
    is what messages call the holder, such as "a training". Waits while the holder is
    gone but what it started still runs and, where it is of another host, until it has
    left the file untouched for 60 seconds.

    Raises:
      ConfigError: another holds the lock. Nothing is changed then.
    """
    file = _take(path, holder)
    released = threading.Event()
    try:
        mine = json.dumps(this_process()._asdict()).encode() + b"\n"
        os.ftruncate(file, 0)
        os.pwrite(file, mine, 0)
        toucher = threading.Thread(target=_touch, args=(file, released), daemon=True)
        toucher.start()
        try:
            yield file
        finally:
            released.set()
            toucher.join()
            if is_mine(path):
                os.ftruncate(file, 0)  # nobody's now: no other host need wait
    finally:
        os.close(file)


def is_held(path: Path) -> bool:
    """Whether a process of this host, or one that it sees, holds the lock."""
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _try(file, path, fcntl.LOCK_SH)
    finally:
        os.close(file)


def is_mine(path: Path) -> bool:
    """Whether this process took the lock last and has not freed it."""
    return read_owner(path) == this_process()


def read_owner(path: Path) -> Owner | None:
    """Who took the lock last; None before it signs, and once it has freed the lock."""
    try:
        found = json.loads(path.read_bytes())
        return Owner(int(found["process"]), str(found["hostname"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def is_alive(process: int) -> bool:
    """Whether this host has a process of that number."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True


def this_process() -> Owner:
    """This one, as the owner of a lock."""
    return Owner(os.getpid(), platform.node())


def _take(path: Path, holder: str) -> int:
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _wait_for(file, path, holder)
            if os.path.samestat(os.fstat(file), os.stat(path)):
                return file
        except FileNotFoundError:  # removed meanwhile, as nothing came of the folder
            pass
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _wait_for(file: int, path: Path, holder: str) -> None:
    touched, owner, stale = path.stat().st_mtime_ns, read_owner(path), time.monotonic()
    if owner and not owner.is_here():
        stale += STALE_SECONDS - _age(path)
    tries = 0
    while True:
        is_free, owner = _try(file, path, fcntl.LOCK_EX), read_owner(path)
        is_here = owner is None or owner.is_here()
        if is_free and (is_here or time.monotonic() >= stale):
            return
        is_at_work = is_here and not is_free and owner and is_alive(owner.process)
        if owner and (is_at_work or path.stat().st_mtime_ns != touched):
            raise ConfigError(f"{holder} works on {path.parent}: {owner}")
        tries += 1
        if tries == _GRACE:
            why = (
                "is gone; what it started still runs: waiting"
                if is_here
                else f"held it: waiting up to {STALE_SECONDS:.0f} s for a sign of it"
            )
            said = f"{path.parent}: {holder}, {owner or 'unknown'}, {why}"
            print(said, file=sys.stderr)
        time.sleep(_PAUSE)


def _age(path: Path) -> float:
    """Seconds since the file was touched, by the clock of its file system."""
    with tempfile.TemporaryFile(dir=path.parent) as probe:
        now = os.fstat(probe.fileno()).st_mtime
    return max(0.0, now - path.stat().st_mtime)


def _touch(file: int, released: threading.Event) -> None:
    while not released.wait(TOUCH_SECONDS):
        with suppress(OSError):
            os.utime(file)


def _try(file: int, path: Path, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        owner = read_owner(path)  # all that is known
        others = owner is not None and owner.is_here() and owner != this_process()
        return not (others and owner is not None and is_alive(owner.process))
    return True

"""Processes that tests start: each wait has an end, and so has each process."""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from ganjax.training.devices import be_patient

PATIENCE = 300  # seconds for anything a test waits for, beside whatever else runs

# Every process that a test starts inherits these words, whoever its parent is by now.
_MARK = "GANJAX_TESTS"
_MINE = f"of-{os.getpid()}"
_started = 0  # processes, by this one
_outer = os.environ.get(_MARK, "")  # of those that started this one


def _count(event, _):
    global _started
    _started += event in ("subprocess.Popen", "os.fork", "os.posix_spawn")


def prepare():
    """Marks the processes that this one will start, and has them hear signals.

    What a shell starts in the background ignores SIGINT, under nohup SIGHUP, and so
    would all that it starts; what is handled here, and not ignored, is not inherited.
    """
    os.environ[_MARK] = " ".join(filter(None, (os.environ.get(_MARK), _MINE)))
    sys.addaudithook(_count)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def lasting(environment):
    """The environment of a process that outlives a test; its starter ends it."""
    return {**environment, _MARK: _outer}


def virtual(count):
    """XLA_FLAGS for `count` devices of a CPU, to be set before jax is imported."""
    flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={count}"}
    be_patient(flags)
    return flags["XLA_FLAGS"]


def started():
    """How many processes this one has started since `prepare`."""
    return _started


def _left():
    """The processes alive that this one started, or that those did."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # it has ended, or is another user's
            continue
        words = next((x for x in variables if x.startswith(_MARK.encode())), b"")
        if _MINE.encode() in words.partition(b"=")[2].split():
            yield int(folder.name)


def end_all():
    """Kills all that this process started and that is alive still."""
    deadline = time.monotonic() + PATIENCE
    while (left := list(_left())) and time.monotonic() < deadline:
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.01)


def is_alive(process):
    """Whether a process runs; one that ended may wait for ever for its parent."""
    try:
        os.kill(process, 0)
        status = Path(f"/proc/{process}/stat").read_text()
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()  # not Linux
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_for(condition, process=None):
    """Waits until `condition()`; fails where `process` ends before."""
    deadline = time.monotonic() + PATIENCE
    while True:
        ended = process is not None and process.poll() is not None
        if condition():
            return
        assert not ended, process.communicate(timeout=PATIENCE)
        assert time.monotonic() < deadline, f"not so after {PATIENCE} s"
        time.sleep(0.001)


def finish(process):
    """Its exit code, output and errors."""
    output, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, output, errors

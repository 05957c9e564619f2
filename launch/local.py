"""Runs as processes of this machine, which share its GPUs or its cores out."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from launch.backend import Command

_MEMORY = 0.9  # of a GPU, for all runs on it together
_START = str(Path(__file__).with_name("start.py"))

T = TypeVar("T")


class Slot(NamedTuple):
    """What one of the processes at a time gets; no cores means all."""

    cores: tuple[int, ...]
    environment: dict[str, str]


class Started(NamedTuple):
    """The process of a run, the slot that it occupies and its log file."""

    process: subprocess.Popen
    slot: Slot
    log: Path


class LocalBackend:
    """Starts one process per slot at most. Each inherits the open files `kept`.

    On Linux a process is asked to save and end when this one dies.
    """

    def __init__(self, slots: Sequence[Slot], *, kept: Sequence[int]) -> None:
        self._free = list(slots)
        self._kept = tuple(kept)
        self._cancelled: set[int] = set()

    def submit(self, command: Command) -> Started:
        """Starts a process in a free slot."""
        slot = self._free.pop(0)
        cores = ",".join(map(str, slot.cores))
        command.log.parent.mkdir(exist_ok=True)
        with open(command.log, "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-I", _START, str(os.getpid()), cores, *command.words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | slot.environment,
                pass_fds=self._kept,
                # Otherwise Ctrl-C would reach it too; our SIGTERM would come second.
                start_new_session=True,
            )
        return Started(process, slot, command.log)

    def poll(self, started: Started) -> int | None:
        """The exit code; the slot is free again once there is one."""
        code = started.process.poll()
        if code is not None:
            self._free.append(started.slot)
            if code < 0:
                _say_what_ended(started, -code)
        return code

    def cancel(self, started: Started) -> None:
        """SIGTERM, and SIGKILL the second time."""
        if started.process.pid in self._cancelled:
            started.process.kill()
        else:
            self._cancelled.add(started.process.pid)
            started.process.terminate()


def _say_what_ended(started: Started, number: int) -> None:
    """Adds to a log what a process that was killed could not say, as by want of memory.

    A full disk is no reason to lose the other runs.
    """
    with suppress(OSError), open(started.log, "a", encoding="utf-8") as log:
        log.write(f"ended by signal {number} ({signal.strsignal(number)})\n")


def find_gpus() -> list[str]:
    """The GPUs that runs would use, as CUDA_VISIBLE_DEVICES names them."""
    platforms = os.environ.get("JAX_PLATFORMS", "")
    if platforms and not {"cuda", "gpu"} & set(platforms.split(",")):
        return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [
            gpu for gpu in visible.split(",") if gpu not in ("", "-1", "NoDevFiles")
        ]
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, encoding="utf-8", timeout=30
        ).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(n) for n in range(sum(line.startswith("GPU ") for line in listed))]


def find_cores() -> list[int]:
    """The cores that this process may use; empty where the system does not tell."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    return sorted(os.sched_getaffinity(0))


def make_slots(
    gpus: Sequence[str], cores: Sequence[int], max_parallel: int | None, runs: int
) -> list[Slot]:
    """Slots for at most `runs` at a time, each with an equal share.

    Without `max_parallel` there is one for each GPU, or for each core where there is no
    GPU. The number of GPUs that a run sees does not depend on `runs`: its last bits
    may depend on it, and the run may be resumed in a launch of fewer runs.
    """
    if gpus:
        count = max_parallel or len(gpus)
        several = count > len(gpus)  # on one GPU
        memory = str(round(_MEMORY * len(gpus) / count, 3))
        limits = {"XLA_PYTHON_CLIENT_MEM_FRACTION": memory} if several else {}
        return [
            Slot((), {"CUDA_VISIBLE_DEVICES": ",".join(share)} | limits)
            for share in _shares(gpus, count)
        ][:runs]
    count = min(max_parallel or len(cores) or os.cpu_count() or 1, runs)
    return [Slot(share, {}) for share in _shares(cores, count)]


def _shares(things: Sequence[T], count: int) -> list[tuple[T, ...]]:
    """`count` equal shares; where there are fewer things than that, one for several."""
    if len(things) < count:
        return [tuple(islice(cycle(things), i, i + 1)) for i in range(count)]
    size = len(things) // count
    return [tuple(things[i * size : (i + 1) * size]) for i in range(count)]

"""The exit codes of all commands. No jax."""

from enum import IntEnum


class Exit(IntEnum):
    """How a process ended, for whoever started it."""

    DONE = 0
    FAILED = 1  # a bug, or a fault of the machine; of a sweep, that some runs failed
    REFUSED = 2  # bad usage, config or data
    DIVERGED = 3
    STOPPED = 75  # after saving: the same command resumes

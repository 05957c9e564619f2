"""Runs the programs of schedulers, such as sbatch and kubectl."""

import subprocess
from collections.abc import Mapping, Sequence

from launch.backend import SchedulerError

_SECONDS = 120  # that a program may take, which may ask several times


def run(
    command: Sequence[str],
    *,
    text: str = "",
    kept: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """How a program ended, and what it said.

    Args:
      command: the program and its words.
      text: what it reads.
      kept: open files that it inherits.
      environment: in place of that of this process.

    Raises:
      SchedulerError: it is not there, cannot be run, or does not end.
    """
    name = command[0]
    try:
        return subprocess.run(
            command,
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_SECONDS,
            pass_fds=kept,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the launcher
        )
    except FileNotFoundError as error:
        raise SchedulerError(f"{name} is not installed, or not in PATH") from error
    except OSError as error:
        raise SchedulerError(f"{name}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise SchedulerError(f"{name}: no answer within {_SECONDS} s") from error

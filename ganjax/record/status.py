"""Writes where a run stands. No jax."""

import os
import platform
from pathlib import Path

from ganjax.record.files import now, write_json

STATES = ("running", "done", "preempted", "diverged", "failed")


def write_status(
    workdir: str | Path, *, state: str, step: int, steps: int, message: str = ""
) -> None:
    """Writes `status.json`: where a run of `steps` steps stands.

    `process` is the number of this process on the machine `hostname`.
    Raises `ValueError` for a state that is not one of `STATES`.
    """
    if state not in STATES:
        raise ValueError(f"state must be one of {', '.join(STATES)}, not {state!r}")
    status = {"state": state, "step": step, "steps": steps, "message": message}
    writer = {"process": os.getpid(), "hostname": platform.node(), "updated": now()}
    write_json(Path(workdir, "status.json"), status | writer)

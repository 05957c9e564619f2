"""Runs of a sweep that one process trains: who shares a program, and their file."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from ganjax.config.experiment import ConfigError
from ganjax.config.packing import ALONE, structure
from ganjax.record import files
from launch import sweep as sweeps
from launch.backend import Command
from launch.sweep import Run, Sweep

_MOST = 64  # runs in a pack, unless told: all of it is lost that was not saved


def make_packs(
    sweep: Sweep, runs: Sequence[Run], at_once: int, most: int | None
) -> list[list[Run]]:
    """Puts runs that differ by seed and numbers alone together, in their order.

    Args:
      sweep: of the runs.
      runs: to be packed.
      at_once: how many processes run at a time. No pack has more than the share of one
        of them, so that all have work.
      most: runs in a pack; None leaves it to this function.
    """
    alike: dict[str, list[Run]] = {}
    for run in runs:
        config = sweep.common | run.config
        program = structure(config)
        if config.get("parallel.mode", "auto") not in ALONE:
            program["alone"] = run.index  # it shares its batch out
        alike.setdefault(json.dumps(program, sort_keys=True), []).append(run)
    most = most or min(_MOST, -(-len(runs) // at_once))
    packs = [pack for group in alike.values() for pack in _cut(group, most)]
    return sorted(packs, key=lambda pack: pack[0].index)


def _cut(group: list[Run], most: int) -> list[list[Run]]:
    """Parts of nearly the same size, none of more than `most`."""
    count = -(-len(group) // most)
    ends = [len(group) * part // count for part in range(count + 1)]
    return [group[a:b] for a, b in pairwise(ends)]


def log_of(folder: Path, pack: Sequence[str]) -> Path:
    """Where the process of a pack, or of a run alone, says what it does.

    By the folders of the runs.
    """
    more = f"+{len(pack) - 1}" if len(pack) > 1 else ""
    return folder / "logs" / f"{pack[0]}{more}.log"


def last_words(log: Path) -> str:
    """The last line that a process said, which is its error where it had one."""
    try:
        lines = log.read_text("utf-8", "replace").split("\n")
    except FileNotFoundError:
        return ""
    said = next((line for line in reversed(lines) if line.strip()), "")
    return said.removeprefix("ganjax: error: ")


def command(
    folder: Path,
    sweep: Sweep,
    pack: Sequence[Run],
    left: Sequence[Run],
    until: int | None,
) -> Command:
    """What trains those of a pack that are `left`; several are listed in a file.

    Up to the step `until`, where that is not None.
    """
    log = log_of(folder, [run.folder for run in pack])
    pause = [] if until is None else [f"--until={until}"]
    if len(left) == 1:
        return Command([*sweeps.command(folder, sweep, left[0]), *pause], log)
    path = log.with_suffix(".json")
    files.write_json(path, [sweeps.point(folder, sweep, run) for run in left])
    return Command(["-m", "ganjax.main", f"--points={path}", *pause], log)


def needed(folder: Path, sweep: Sweep, packs: Sequence[Sequence[Run]]) -> list[str]:
    """The memory that each pack needs at least, in words, by one child process.

    Raises:
      ConfigError: the data of one is missing.
    """
    points = [
        sweeps.point(folder, sweep, pack[0]) | {"runs": len(pack)} for pack in packs
    ]
    done = subprocess.run(
        [sys.executable, "-m", "ganjax.main", "--mode=memory", "--points=-"],
        input=json.dumps(points),
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        env=os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"},  # others may run
    )
    if done.returncode:
        lines = done.stderr.splitlines() or [f"it ended with {done.returncode}"]
        raise ConfigError(lines[-1].removeprefix("ganjax: error: "))
    return done.stdout.splitlines()

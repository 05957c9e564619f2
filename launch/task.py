"""One task of an array, as its scheduler runs it.

python -m launch.task SWEEP/arrays/FILE.json INDEX
    Trains those runs of the task that have not ended.
python -m launch.task --ended=CODE SWEEP/arrays/FILE.json INDEX
    Says by its own exit code, 0, that the task which ended with CODE is to be started
    again. For schedulers that do not decide this themselves.
"""

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from ganjax.command.exits import Exit
from ganjax.command.line import fail
from ganjax.config.experiment import ConfigError
from ganjax.config.faults import blame
from ganjax.record import files
from ganjax.record.reading import RunError, read_object
from launch import arrays
from launch import sweep as sweeps
from launch.arrays import Handed
from launch.packs import command, last_words, log_of
from launch.pool import Standing, after
from launch.runs import FINISHED, mark_failed, saved_step
from launch.sweep import Run, Sweep
from launch.views import view_of

# As a shell has them: a process that was told to stop before it could heed that.
_STOPPED = (128 + 10, 128 + 15)


def main(argv: Sequence[str]) -> None:
    """Becomes the training, or says whether it is to be started again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ended", type=int)
    parser.add_argument("array", type=Path)
    parser.add_argument("index", type=int)
    given = parser.parse_args(argv)
    try:
        if not given.array.exists():
            # Another node may see it; or it was removed, and the task is nobody's.
            missing = f"there is no {given.array} on {platform.node()}"
            fail("launch.task", missing, code=Exit.FAILED)
        folder, handed = given.array.parents[1], arrays.read(given.array)
        sweep = sweeps.find(folder)
        if sweep is None or not 0 <= given.index < len(handed.packs):
            raise ConfigError(f"{given.array} has no task {given.index}")
        names = handed.packs[given.index]
        pack = [run for run in sweep.runs if run.folder in names]
        if given.ended is None:
            _train(folder, sweep, handed, pack)
        note = given.array.with_name(f"{given.array.stem}-{given.index}.json")
        is_over = handed.cancelled or not _again(
            folder, sweep, handed, pack, note, given.ended
        )
        sys.exit(Exit.FAILED if is_over else Exit.DONE)
    except (ConfigError, RunError) as error:
        fail("launch.task", error)
    except OSError as error:
        fail("launch.task", blame(error, str(error)))


def _train(folder: Path, sweep: Sweep, handed: Handed, pack: Sequence[Run]) -> None:
    """Becomes the process that trains, whose output goes to its log."""
    left = pack
    if len(pack) > 1:  # one alone may have several processes, which must not disagree
        left = _left(folder, sweep, handed, pack) or pack
    words, log = command(folder, sweep, pack, left, handed.until)
    log.parent.mkdir(exist_ok=True)
    print(f"{' '.join(x.folder for x in left)}: see {log}", flush=True)
    with open(log, "ab") as output:
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
    os.execv(sys.executable, [sys.executable, *words])


def _again(
    folder: Path,
    sweep: Sweep,
    handed: Handed,
    pack: Sequence[Run],
    note: Path,
    code: int,
) -> bool:
    """Whether the task is to be started again; its failures are counted in `note`."""
    left = _left(folder, sweep, handed, pack)
    if not left:
        return False
    before = Standing(**read_object(note))
    step = sum(saved_step(folder / run.folder) for run in pack)
    code = Exit.STOPPED if code in _STOPPED else code
    now = after(before, code, step, handed.retries)
    files.write_json(note, now._asdict())
    if now.state == "waiting":
        return True
    said = last_words(log_of(folder, [run.folder for run in pack]))
    for run in left:
        mark_failed(folder / run.folder, said)
    return False


def _left(folder: Path, sweep: Sweep, handed: Handed, pack: Sequence[Run]) -> list[Run]:
    return [
        run
        for run in pack
        if view_of(folder, sweep, run, handed.until).state not in FINISHED
    ]


if __name__ == "__main__":
    main(sys.argv[1:])

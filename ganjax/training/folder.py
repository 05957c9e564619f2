"""The care of a run folder: whose it is, who works on it, its last words. No jax."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ganjax.config import ConfigError, schema
from ganjax.config.faults import blame
from ganjax.config.program import SOURCE, Program, check_same_source
from ganjax.config.validation import check_resumable
from ganjax.record import lock
from ganjax.record.files import is_temporary, read_json, remove_temporary
from ganjax.record.status import write_status

_OF_SEEDS = re.compile(r"seed-\d+|report|report\.html|\..*")


def check_run(program: Program, folder: Path, mode: str) -> None:
    """Checks that `folder` is this program's run or, to train, may become it.

    Raises:
      ConfigError: it is another's, or no run's; or it cannot be read.
      MachineError: the machine fails to read it.
    """
    try:
        _check(program, folder, mode)
        if mode == "train":
            check_same_source(program, folder)
    except OSError as error:
        raise blame(error, f"{folder}: {error}") from error


def _check(program: Program, folder: Path, mode: str) -> None:
    written = folder / "config.json"
    if not written.exists():
        if mode != "train":
            raise ConfigError(f"{folder} is not a run folder; train first")
        # A kill during the first write leaves the lock and a temporary file.
        foreign = not folder.is_dir() or any(
            path.name != lock.RUN and not is_temporary(path)
            for path in folder.iterdir()
        )
        if folder.exists() and foreign:
            raise ConfigError(f"{folder} exists and is not a run folder")
        return
    try:
        check_resumable(read_json(written), program.config, program.catalogue)
    except ConfigError as error:
        way = f"to look at it change no key but {', '.join(schema.RESUMABLE)}"
        if mode == "train":
            way = (
                "choose another folder, which may begin from this state by "
                f"--init_from={folder}"
            )
        raise ConfigError(f"{folder} holds another run: {error}; {way}") from error
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"{written} is damaged: {error}") from error


def check_runs_folder(folder: Path) -> None:
    """Checks that a folder may hold runs of several seeds, as nothing else is there.

    Raises:
      ConfigError: something is.
    """
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not _OF_SEEDS.fullmatch(path.name):
            raise ConfigError(
                f"--workdir: {folder} holds {path.name}; several seeds need a folder "
                "of their own"
            )


@contextmanager
def alone(program: Program, folder: Path) -> Iterator[None]:
    """Nobody else trains in the folder meanwhile.

    Others may evaluate, sample and report: they only read what a training writes.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    with lock.hold(folder / lock.RUN, "a training"):
        check_run(program, folder, "train")  # another may have been here meanwhile
        for place in (folder, folder / "samples", folder / SOURCE):
            remove_temporary(place)
        try:
            yield
        finally:
            if is_new:
                _remove_unbegun(folder)


def _remove_unbegun(folder: Path) -> None:
    """Removes a folder in which the training that made it wrote nothing."""
    if not (folder / "config.json").exists():
        (folder / lock.RUN).unlink()
        folder.rmdir()


def write_preempted(folder: Path, message: str) -> None:
    """Writes the status of a run that ends before its time, with what is saved."""
    with suppress(OSError, ValueError, LookupError):
        status = read_json(folder / "status.json")
        # The lock of work that ended before its last words is free, perhaps another's.
        wrote = (status["process"], status["hostname"]) == lock.this_process()
        if not wrote and not lock.is_mine(folder / lock.RUN):
            return
        if status["state"] not in ("running", "failed"):
            return
        names = [path.name for path in (folder / "checkpoints").iterdir()]
        step = max((int(name) for name in names if name.isdecimal()), default=0)
        steps, state = status["steps"], "preempted"
        write_status(folder, state=state, step=step, steps=steps, message=message)


def say_preempted(folder: Path, message: str, name: str = "") -> None:
    """The last words of a process that ends at once: what it holds is freed here.

    `name` is what it calls the run, where it has several.
    """
    write_preempted(folder, message)
    with suppress(OSError):
        if lock.is_mine(folder / lock.RUN):
            os.truncate(folder / lock.RUN, 0)  # nobody's now: no other host need wait
            _remove_unbegun(folder)
    print(f"{name}preempted: {message}", flush=True)

"""Arrays of tasks that a sweep handed to a scheduler, and a file in `arrays/` of each.

It is written before its array is handed over, under a name that no other has or had: a
launcher that was killed in between finds by it whether the scheduler got the array, and
a task that comes after its file was removed finds nothing to do.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ganjax.config.experiment import ConfigError
from ganjax.record import files
from ganjax.record.reading import RunError, read_object
from launch.backend import Array, Scheduler, SchedulerError, Task

FOLDER = "arrays"

_NAME = re.compile(r"([1-9]\d*)-[0-9a-f]{6}\.json")

_SAVING_SECONDS = 120.0  # that tasks have to save and end before they are ended
_ENDING_SECONDS = 60.0
_PAUSE = 1.0  # seconds between two questions


@dataclass(frozen=True)
class Handed:
    """An array as its file has it.

    `packs` are the folders of the runs of each task; `key` is the scheduler's name for
    the array, None until that is known.
    """

    backend: str
    options: dict[str, Any]
    name: str
    packs: list[list[str]]
    cwd: str
    until: int | None
    retries: int
    key: str | None = None
    cancelled: bool = False


Open = Callable[[str, Mapping[str, Any]], Scheduler]  # by its name and options


class Found(NamedTuple):
    """What is known of the arrays of a sweep.

    Attributes:
      handed: the newest array that each run was handed over with, by run folder.
      tasks: those that have not ended, by run folder.
      unknown: why a scheduler cannot be asked; then `tasks` lacks its own.
    """

    handed: dict[str, Handed]
    tasks: dict[str, Task]
    unknown: list[str]

    def pack_of(self, folder: str) -> list[str]:
        """The runs of the newest task of a run."""
        handed = self.handed.get(folder)
        packs = handed.packs if handed else []
        return next((pack for pack in packs if folder in pack), [folder])


def read(path: Path) -> Handed:
    """An array by its file; raises ConfigError where that cannot be read."""
    found: Mapping[str, Any] = {}
    with suppress(RunError):
        found = read_object(path)
    try:
        handed = Handed(**found)
        if not all(isinstance(x, str) for pack in handed.packs for x in pack):
            raise TypeError
    except TypeError:
        raise ConfigError(
            f"{path} is damaged; where no task of it is left, remove it"
        ) from None
    return handed


def paths(folder: Path) -> list[Path]:
    """The files of a sweep's arrays, oldest first."""
    return sorted(filter(_number, (folder / FOLDER).glob("*.json")), key=_number)


def _number(path: Path) -> int:
    """Of an array, from 1; 0 of another file."""
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else 0


def array(path: Path, handed: Handed, at_once: int | None) -> Array:
    """What the scheduler is given of an array."""
    return Array(
        name=handed.name,
        words=["-m", "launch.task", str(path)],
        size=len(handed.packs),
        folder=path.parents[1],
        cwd=Path(handed.cwd),
        at_once=at_once,
        retries=handed.retries,
    )


def new(folder: Path, count: int = 0) -> tuple[Path, str]:
    """The file and the name of an array to be handed over after `count` others."""
    number = max(map(_number, paths(folder)), default=0) + 1 + count
    whole = folder.absolute()
    digest = hashlib.sha256(os.fsencode(whole)).hexdigest()[:10]
    own = f"{number}-{os.urandom(3).hex()}"
    return whole / FOLDER / f"{own}.json", f"ganjax-{digest}-{own}"


def hand_over(
    path: Path, handed: Handed, scheduler: Scheduler, at_once: int | None, held: int
) -> str:
    """Writes an array down and hands it over; returns the scheduler's name for it.

    Raises:
      ConfigError: the scheduler refuses.
    """
    try:  # one that is not here, or does not answer, gets nothing
        scheduler.find(handed.name)
    except SchedulerError as error:
        raise ConfigError(f"{handed.backend}: {error}") from error
    path.parent.mkdir(exist_ok=True)
    files.write_json(path, asdict(handed))
    try:
        key = scheduler.submit(array(path, handed, at_once), held)
    except (SchedulerError, ConfigError) as error:
        # Who may have got it all the same is asked the next time.
        with suppress(SchedulerError):
            if scheduler.find(handed.name) is None:
                path.unlink()
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{handed.backend}: {error}") from error
    files.write_json(path, asdict(replace(handed, key=key)))
    return key


def settle(folder: Path, open_scheduler: Open) -> None:
    """Finds out of arrays whether they were handed over, where that was not recorded.

    Whoever calls holds the lock of the folder.

    Raises:
      ConfigError: a scheduler cannot be asked.
    """
    for path in paths(folder):
        handed = read(path)
        if handed.key is None:
            with _asking(path, handed):
                scheduler = open_scheduler(handed.backend, handed.options)
                key = scheduler.find(handed.name)
            if key is None:
                path.unlink()
            else:
                files.write_json(path, asdict(replace(handed, key=key)))


def ask(folder: Path, open_scheduler: Open) -> Found:
    """What files and schedulers say of the arrays of a sweep."""
    found = Found({}, {}, [])
    for path in paths(folder):
        handed = read(path)
        tasks: Mapping[int, Task] = {}
        try:
            with _asking(path, handed):
                scheduler = open_scheduler(handed.backend, handed.options)
                key = handed.key or scheduler.find(handed.name)
                if key is None:  # nobody got it
                    continue
                tasks = scheduler.ask(key)
        except ConfigError as error:
            found.unknown.append(str(error))
        handed = read(path)  # of tasks that are gone it says whether by a cancel
        for pack in handed.packs:
            found.handed.update(dict.fromkeys(pack, handed))
        for index, task in tasks.items():
            found.tasks.update(dict.fromkeys(handed.packs[index], task))
    return found


def check_idle(folder: Path, open_scheduler: Open) -> None:
    """Makes sure that no task works on a sweep.

    Raises:
      ConfigError: one does, or a scheduler cannot be asked.
    """
    settle(folder, open_scheduler)
    found = ask(folder, open_scheduler)
    if found.unknown:
        raise ConfigError(found.unknown[0])
    if found.tasks:
        busy = next(iter(found.tasks))
        raise ConfigError(
            f"{folder}: {found.handed[busy].backend} works on {busy}; leave --backend "
            f"away, or first python -m launch cancel --workdir={folder}"
        )


def cancel(folder: Path, open_scheduler: Open) -> None:
    """Has all tasks save and end; returns when they have, or are ended.

    Raises:
      ConfigError: a scheduler cannot be asked, or does not end them.
    """
    for now, seconds in ((False, _SAVING_SECONDS), (True, _ENDING_SECONDS)):
        for path in paths(folder):
            handed = read(path)
            with _asking(path, handed):
                scheduler = open_scheduler(handed.backend, handed.options)
                if handed.key and scheduler.ask(handed.key):
                    files.write_json(path, asdict(replace(handed, cancelled=True)))
                    scheduler.cancel(handed.key, now=now)
        if _have_ended(folder, open_scheduler, seconds):
            return
    raise ConfigError(f"{folder}: tasks that were cancelled have not ended")


def _have_ended(folder: Path, open_scheduler: Open, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while True:
        found = ask(folder, open_scheduler)
        if found.unknown:
            raise ConfigError(found.unknown[0])
        if not found.tasks:
            return True
        if time.monotonic() > end:
            return False
        time.sleep(_PAUSE)


@contextmanager
def _asking(path: Path, handed: Handed) -> Iterator[None]:
    """Says of which array a scheduler cannot be asked."""
    try:
        yield
    except (SchedulerError, ConfigError) as error:
        named = handed.key or handed.name
        raise ConfigError(
            f"{handed.backend} cannot be asked for {named}, of {path}: {error}; where "
            "no task of it is left, nor will come, remove the file"
        ) from error


def newest(folder: Path) -> Handed | None:
    """The array that was handed over last, if there is one."""
    last = paths(folder)[-1:]
    return read(last[0]) if last else None

"""A sweep: its points, checked and named, and `sweep.json`, which says what is run."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ganjax import record
from ganjax.experiment import ConfigError, Point, Value, describe, join_args
from ganjax.experiment import sweep as read_points
from launch import lock

FILE = "sweep.json"

_LONGEST = 80  # characters of a folder's name
_CHANGES = 6  # keys named of those that differ


@dataclass(frozen=True)
class Entry:
    """One point of a sweep as `sweep.json` has it.

    `command` is what comes after `python`, without --workdir; `hash` is the SHA-256 of
    the flat resolved config, as JSON with sorted keys; `config` are the keys of it that
    differ between the points.
    """

    index: int
    folder: str
    arg: str
    overrides: dict[str, Any]
    command: list[str]
    hash: str
    config: dict[str, Any]

    def __str__(self) -> str:
        """As messages name it."""
        return f"point {self.index} ({describe(Point(self.arg, self.overrides))})"


class Sweep(NamedTuple):
    """`sweep.json`: the experiment as given, overrides of all points, common config."""

    experiment: str
    overrides: list[str]
    common: dict[str, Any]
    points: list[Entry]


def override(item: tuple[str, Value]) -> str:
    """A key and its value as `--config.` takes them."""
    key, value = item
    return f"{key}={value if isinstance(value, str) else repr(value)}"


def plan(location: str, overrides: Sequence[str]) -> Sweep:
    """The sweep of an experiment, every point checked. Writes nothing.

    Raises:
      ConfigError: no sweep, a point whose config cannot be used, two points with the
        same config, or an override of a key that the points set themselves.
    """
    points = read_points(location)
    for given in overrides:
        key = given.partition("=")[0]
        own = [point for point in points if key in point.overrides]
        if own:
            raise ConfigError(
                f"--config.{key}: the sweep sets it itself, as in {describe(own[0])}"
            )
    runs = [
        (join_args(location, arg), [*overrides, *map(override, own.items())])
        for arg, own in points
    ]
    configs = _resolve(runs)
    hashes = [_hash(config) for config in configs]
    common = _common(configs)
    entries = [
        Entry(
            index=index,
            folder=_folder(index, len(points), points[index]),
            arg=points[index].arg,
            overrides=points[index].overrides,
            command=[
                *("-m", "ganjax.main", f"--config={run}"),
                *(f"--config.{words}" for words in given),
            ],
            hash=hashes[index],
            config={k: x for k, x in configs[index].items() if k not in common},
        )
        for index, (run, given) in enumerate(runs)
    ]
    for entry in entries:
        first = entries[hashes.index(entry.hash)]
        if first is not entry:
            raise ConfigError(f"{location}: {first} and {entry} have the same config")
    return Sweep(location, list(overrides), common, entries)


def extend(folder: Path, old: Sweep, new: Sweep) -> Sweep:
    """The new sweep where the old one is the beginning of it, in its folders.

    Raises:
      ConfigError: names the first point that differs, and its keys.
    """
    for was, now in zip(old.points, new.points, strict=False):
        if was.hash != now.hash:
            changes = _changes(old.common | was.config, new.common | now.config)
            raise ConfigError(
                f"--workdir: {folder} holds another sweep: {now}: {changes}; choose "
                "another folder, or add new points behind the old ones"
            )
    if len(new.points) < len(old.points):
        raise ConfigError(
            f"--workdir: {folder} holds {len(old.points)} points, the sweep has "
            f"{len(new.points)}; choose another folder"
        )
    # Names may change, with the number of digits for one; folders stay.
    kept = [
        replace(now, folder=was.folder)
        for was, now in zip(old.points, new.points, strict=False)
    ]
    return new._replace(points=[*kept, *new.points[len(kept) :]])


def find(folder: Path) -> Sweep | None:
    """The sweep of a folder; None where the folder is new or empty.

    Raises:
      ConfigError: the folder holds something else, or its file is damaged.
    """
    if not folder.exists():
        return None
    path = folder / FILE
    if not folder.is_dir() or not path.exists():
        # A kill before the first write leaves its lock, and a temporary file.
        if folder.is_dir() and all(
            found.name == lock.NAME or found.name.endswith(".tmp")
            for found in folder.iterdir()
        ):
            return None
        raise ConfigError(f"--workdir: {folder} exists and is not a sweep folder")
    try:
        found = record.read_json(path)
        points = [Entry(**point) for point in found.pop("points")]
        return Sweep(**found, points=points)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"--workdir: {path} is damaged: {error}") from error


def write(folder: Path, sweep: Sweep) -> None:
    """Writes `sweep.json`, whole."""
    points = [asdict(point) for point in sweep.points]
    record.write_json(folder / FILE, sweep._asdict() | {"points": points})


def _resolve(runs: Sequence[tuple[str, list[str]]]) -> list[dict[str, Any]]:
    """The flat config of each run, all checked by one child process."""
    points = [{"config": run, "overrides": overrides} for run, overrides in runs]
    done = subprocess.run(
        [sys.executable, "-m", "ganjax.main", "--mode=check", "--points=-"],
        input=json.dumps(points),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        lines = done.stderr.splitlines() or [f"the check ended with {done.returncode}"]
        raise ConfigError(lines[-1].removeprefix("ganjax: error: "))
    return [json.loads(line) for line in done.stdout.splitlines()]


def _hash(config: Mapping[str, Any]) -> str:
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _common(configs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    first, *others = configs
    return {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in others)
    }


def _changes(was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    pairs = {k: (was.get(k, "missing"), now.get(k, "missing")) for k in {**was, **now}}
    words = [f"{k} was {a}, is {b}" for k, (a, b) in pairs.items() if a != b]
    more = len(words) - _CHANGES
    return "; ".join(words[:_CHANGES]) + (f"; and {more} more" if more > 0 else "")


def _folder(index: int, count: int, point: Point) -> str:
    """Such as 000_hinge_seed=0, safe for any file system."""
    digits = max(3, len(str(count - 1)))
    words = [f"{key.rpartition('.')[2]}={x}" for key, x in point.overrides.items()]
    name = "_".join(filter(None, (point.arg, *words)))
    name = re.sub(r"[^A-Za-z0-9=_.+-]+", "-", name)
    return f"{index:0{digits}d}_{name}"[:_LONGEST].rstrip("_.-")

"""A sweep: its points, checked and named, and `sweep.json`, which says what is run."""

import hashlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from ganjax.config.experiment import (
    ConfigError,
    Point,
    Value,
    describe,
    file_hash,
    has_follow,
    join_args,
    split,
)
from ganjax.config.experiment import follow as read_following
from ganjax.config.experiment import sweep as read_points
from ganjax.record import files, reading
from launch import lock
from launch.halving import Rung, read_rungs

FILE = reading.SWEEP

_CHANGES = 6  # keys named of those that differ


@dataclass(frozen=True)
class Run:
    """One run of a sweep as `sweep.json` has it: a point, and the folder of its run.

    `hash` is the SHA-256 of the flat resolved config, as JSON with sorted keys;
    `config` are the keys of it that differ between the runs. `stage` is 0 for a point
    of `sweep(add)`, and else how often `follow(add, runs)` had been asked.
    """

    index: int
    folder: str
    arg: str
    overrides: dict[str, Any]
    hash: str
    config: dict[str, Any]
    stage: int = 0

    def __str__(self) -> str:
        """As messages name it, by its point."""
        return f"point {self.index} ({describe(Point(self.arg, self.overrides))})"


class Sweep(NamedTuple):
    """`sweep.json`: the experiment as given, overrides of all runs, common config.

    `experiment_hash` is that of the experiment file as it was launched, "" if unknown.
    `follow` says whether more points may follow from the runs: "none", as the file
    defines no such function; "open", it is asked once all runs have ended; or "ended",
    it had nothing to add. `rungs` are those at which the runs of stage 0 are halved.
    """

    experiment: str
    experiment_hash: str
    overrides: list[str]
    common: dict[str, Any]
    runs: list[Run]
    follow: str = "none"
    rungs: Sequence[Rung] = ()

    def lost_at(self, run: Run) -> Rung | None:
        """The rung from which a run did not go on, if there is one."""
        lost = (rung for rung in self.rungs if rung.lost and run.folder in rung.lost)
        return next(lost, None)


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
    points = [(point, 0) for point in read_points(location)]
    configs = _configs(location, overrides, points)
    sweep = _made(location, overrides, points, configs)
    for run in sweep.runs:
        first = next(other for other in sweep.runs if other.hash == run.hash)
        if first is not run:
            raise ConfigError(f"{location}: {first} and {run} have the same config")
    return sweep._replace(
        follow="open" if has_follow(location) else "none",
        rungs=read_rungs(location, configs),
    )


def follow(folder: Path, sweep: Sweep) -> Sweep:
    """The sweep with the points that follow from its runs, which have all ended.

    A point whose config a run has already is not added again. Writes nothing.

    Raises:
      ConfigError: the experiment file is another one, or has an error; a point's config
        cannot be used, or has changed; or a run is damaged.
    """
    from ganjax.study import read_sweep  # numpy, which no other command waits for

    check_file(folder, sweep)
    stage = sweep.runs[-1].stage + 1
    try:
        runs = read_sweep(folder)
    except reading.RunError as error:
        raise ConfigError(str(error)) from error
    following = read_following(sweep.experiment, runs)
    points = [*map(_staged, sweep.runs), *((point, stage) for point in following)]
    configs = _configs(sweep.experiment, sweep.overrides, points)
    hashes = [_hash(config) for config in configs]
    new = [
        i for i, x in enumerate(hashes) if i < len(sweep.runs) or x not in hashes[:i]
    ]
    if len(new) == len(sweep.runs):
        return sweep._replace(follow="ended")
    longer = _made(
        sweep.experiment,
        sweep.overrides,
        [points[i] for i in new],
        [configs[i] for i in new],
    )
    longer = _extend(folder, sweep, longer)
    return longer._replace(follow="open", rungs=sweep.rungs)


def _staged(run: Run) -> tuple[Point, int]:
    return Point(run.arg, run.overrides), run.stage


def _configs(
    location: str, overrides: Sequence[str], points: Sequence[tuple[Point, int]]
) -> list[dict[str, Any]]:
    """The flat config of each point, all of them checked."""
    for given in overrides:
        key = given.partition("=")[0]
        own = [point for point, _ in points if key in point.overrides]
        if own:
            raise ConfigError(
                f"--config.{key}: the sweep sets it itself, as in {describe(own[0])}"
            )
    return _resolve([_with_point(location, overrides, *point) for point, _ in points])


def _made(
    location: str,
    overrides: Sequence[str],
    points: Sequence[tuple[Point, int]],
    configs: Sequence[dict[str, Any]],
) -> Sweep:
    """A sweep of points, each with its stage."""
    common = _common(configs)
    runs = [
        Run(
            index=index,
            folder=_folder(index, len(points), point),
            arg=point.arg,
            overrides=point.overrides,
            hash=_hash(config),
            config={k: x for k, x in config.items() if k not in common},
            stage=stage,
        )
        for index, ((point, stage), config) in enumerate(
            zip(points, configs, strict=True)
        )
    ]
    return Sweep(location, file_hash(location), list(overrides), common, runs)


def point(folder: Path, sweep: Sweep, run: Run) -> dict[str, Any]:
    """A run as the file of a pack has it: experiment, overrides, folder."""
    given = (sweep.experiment, sweep.overrides)
    location, overrides = _with_point(*given, run.arg, run.overrides)
    workdir = str(folder / run.folder)
    return {"config": location, "overrides": overrides, "workdir": workdir}


def command(folder: Path, sweep: Sweep, run: Run) -> list[str]:
    """What comes after `python` to start a run: built here, never read."""
    given = point(folder, sweep, run)
    return [
        *("-m", "ganjax.main", f"--config={given['config']}"),
        *(f"--config.{words}" for words in given["overrides"]),
        f"--workdir={given['workdir']}",
    ]


def check_file(folder: Path, sweep: Sweep) -> None:
    """Makes sure that the experiment file is the one that was launched.

    Raises:
      ConfigError: it is not, or was not known.
    """
    path = split(sweep.experiment)[0]
    own = [f"--config.{words}" for words in sweep.overrides]
    flags = (f"--config={sweep.experiment}", *own, f"--workdir={folder}")
    again = f"to run it as it is now: {shlex.join(['python', '-m', 'launch', *flags])}"
    if not sweep.experiment_hash:
        raise ConfigError(
            f"{folder / FILE} was written before files were hashed; {again}"
        )
    found = file_hash(path)
    if not found:
        raise ConfigError(f"there is no file {path}, which {folder / FILE} names")
    if found != sweep.experiment_hash:
        raise ConfigError(f"{path} is not the file that was launched; {again}")


def check_unchanged(folder: Path, sweep: Sweep, runs: Sequence[Run]) -> None:
    """Makes sure that runs, one at least, would start as they were launched.

    Raises:
      ConfigError: the experiment file is another one, or a config has changed.
    """
    check_file(folder, sweep)
    given = (sweep.experiment, sweep.overrides)
    configs = _resolve([_with_point(*given, x.arg, x.overrides) for x in runs])
    for run, config in zip(runs, configs, strict=True):
        if _hash(config) != run.hash:
            changes = _changes(sweep.common | run.config, config)
            raise ConfigError(f"{run} is not what was launched: {changes}")


def extend(folder: Path, old: Sweep, new: Sweep) -> Sweep:
    """The new sweep where the old one is the beginning of it, in its folders.

    Points that followed from the old one's runs are kept: nothing is decided again.

    Raises:
      ConfigError: names the first point that differs, and its keys; or points were
        added before others that followed.
    """
    rungs = _extended_rungs(folder, old, new)
    following = [_staged(run) for run in old.runs if run.stage]
    if following:
        first = len(old.runs) - len(following)
        if len(new.runs) > first:
            raise ConfigError(
                f"--workdir: {folder} holds points that followed from the first "
                f"{first}, and the sweep has {len(new.runs)} now; choose another folder"
            )
        given = (new.experiment, new.overrides)
        points = [*map(_staged, new.runs), *following]
        whole = _made(*given, points, _configs(*given, points))
        new = whole._replace(follow=new.follow)
    sweep = _extend(folder, old, new)._replace(rungs=rungs)
    # It is asked again only where there are runs that it has not seen.
    is_ended = old.follow == "ended" and len(sweep.runs) == len(old.runs)
    return sweep._replace(follow="ended") if is_ended else sweep


def _extended_rungs(folder: Path, old: Sweep, new: Sweep) -> Sequence[Rung]:
    """The new rungs or, once something is decided, the old ones."""
    if not any(rung.lost is not None for rung in old.rungs):
        return new.rungs
    first = sum(not run.stage for run in old.runs)
    named = [[(x.step, x.by, x.keep) for x in sweep.rungs] for sweep in (old, new)]
    same = named[0] == named[1]
    if not same or len(new.runs) > first:
        raise ConfigError(
            f"--workdir: {folder} was halved at {old.rungs[0]} already: it can have no "
            "other rungs or points; choose another folder"
        )
    return old.rungs


def _extend(folder: Path, old: Sweep, new: Sweep) -> Sweep:
    for was, now in zip(old.runs, new.runs, strict=False):
        if was.hash != now.hash:
            changes = _changes(old.common | was.config, new.common | now.config)
            raise ConfigError(
                f"--workdir: {folder} holds another sweep: {now}: {changes}; choose "
                "another folder, or add new points behind the old ones"
            )
    if len(new.runs) < len(old.runs):
        raise ConfigError(
            f"--workdir: {folder} holds more points, {len(old.runs)}, than the "
            f"sweep, {len(new.runs)}; choose another folder"
        )
    # Names may change, with the number of digits for one; folders stay.
    kept = [
        replace(now, folder=was.folder)
        for was, now in zip(old.runs, new.runs, strict=False)
    ]
    return new._replace(runs=[*kept, *new.runs[len(kept) :]])


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
            found.name == lock.NAME or files.is_temporary(found)
            for found in folder.iterdir()
        ):
            return None
        raise ConfigError(f"--workdir: {folder} exists and is not a sweep folder")
    try:
        found = reading.read_sweep(folder)
        for name in ("logs", *(point["folder"] for point in found["points"])):
            reading.inside(folder, name)
    except reading.RunError as error:
        raise ConfigError(f"--workdir: {error}") from error
    return Sweep(
        experiment=found["experiment"],
        experiment_hash=found.get("experiment_hash", ""),
        overrides=found["overrides"],
        common=found["common"],
        follow=found.get("follow", "none"),
        rungs=tuple(Rung(**rung) for rung in found.get("rungs", ())),
        runs=[_read(point) for point in found["points"]],
    )


def _read(point: Mapping[str, Any]) -> Run:
    """A run as `write` wrote it; older files have other keys, and no stages."""
    names = {field.name for field in fields(Run)}
    found = {key: value for key, value in point.items() if key in names}
    own = {key: _tuples(value) for key, value in found["overrides"].items()}
    return Run(**found | {"overrides": own})


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def write(folder: Path, sweep: Sweep) -> None:
    """Writes `sweep.json`, whole."""
    written = sweep._asdict()
    written["points"] = [asdict(run) for run in written.pop("runs")]
    written["rungs"] = [asdict(rung) for rung in sweep.rungs]
    files.write_json(folder / FILE, written)


def _with_point(
    location: str, overrides: Sequence[str], arg: str, own: Mapping[str, Value]
) -> tuple[str, list[str]]:
    """The experiment with the argument of one point, and all its overrides."""
    return join_args(location, arg), [*overrides, *map(override, own.items())]


def _resolve(points: Sequence[tuple[str, list[str]]]) -> list[dict[str, Any]]:
    """The flat config of each point, all checked by one child process."""
    given = [{"config": location, "overrides": words} for location, words in points]
    done = subprocess.run(
        [sys.executable, "-m", "ganjax.main", "--mode=check", "--points=-"],
        input=json.dumps(given),
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",  # the child writes as its locale has it
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
    return f"{index:0{digits}d}_{name}"[: reading.LONGEST].rstrip("_.-")

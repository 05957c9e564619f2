"""All that a run writes into its folder, except checkpoints. No jax.

Files are written whole: a kill or a full disk leaves the old file or the new one, never
a torn or an empty one. `metrics.jsonl` grows by whole lines; a kill tears at most the
last one, and readers pass over it.
"""

import errno
import io
import json
import math
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

import ganjax
from ganjax.record.events import EventFiles
from ganjax.record.lock import is_alive

STATES = ("running", "done", "preempted", "diverged", "failed")

_PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "ml-collections",
    "numpy",
    "scipy",
)
_STEP_OF_IMAGE = re.compile(r"_(\d{8,})\.png$")
_TEMPORARY = re.compile(r"\..+\.([1-9]\d*)\.tmp")  # of which file, by which process
_DEEPEST = 32  # levels of JSON that are read; no file of ours has ten
_LARGEST = sys.float_info.max
_TOO_DEEP = f"nested more than {_DEEPEST} deep"
_STEPS = 1 << 63  # a step is less, for it is kept as int64


def write_bytes(path: str | Path, data: bytes) -> None:
    """Writes a file whole, making its folder where there is none.

    Raises `OSError` when that fails; what `path` held before is then still there.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def png_bytes(pixels: np.ndarray) -> bytes:
    """Encodes uint8 `[H, W, 3]`, `[H, W, 1]` or `[H, W]` as a PNG file.

    Raises `ValueError` for any other array.
    """
    pixels = np.asarray(pixels)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    colour = pixels.ndim == 3 and pixels.shape[2] == 3
    if pixels.dtype != np.uint8 or not (colour or pixels.ndim == 2):
        raise ValueError(
            "a picture must be uint8 [H, W, 3], [H, W, 1] or [H, W], "
            f"not {pixels.dtype} {list(pixels.shape)}"
        )
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def is_temporary(path: Path) -> bool:
    """Whether a file has the name that `write_bytes` gives what it has not finished."""
    return _TEMPORARY.fullmatch(path.name) is not None


def remove_temporary(folder: Path) -> None:
    """Removes what killed processes left behind of files that they were writing.

    For who alone trains, or launches, in the folder. Others may still write pages and
    samples there: what a process that is alive writes is left.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        found = _TEMPORARY.fullmatch(path.name)
        if found and path.is_file():
            writer = int(found[1])
            if writer == os.getpid() or not is_alive(writer):
                path.unlink(missing_ok=True)


def write_json(path: str | Path, value: Any) -> None:
    """Writes strict JSON whole: keys in the order given, NaN and infinities as null.

    Numpy scalars and arrays become numbers and lists, tuples become lists.
    Raises `TypeError` for what JSON cannot hold, and `OSError` as `write_bytes` does.
    """
    write_bytes(path, json.dumps(_plain(value), indent=2).encode() + b"\n")


def read_json(path: str | Path) -> Any:
    """Reads what `write_json` wrote.

    Raises `OSError` when there is no such file, `ValueError` when it is not JSON, or
    nested deeper than any file of ours.
    """
    return _loads(_read(Path(path)))


def is_count(value: Any) -> bool:
    """Whether a JSON value is a whole number from 0 that fits an int64."""
    return type(value) is int and 0 <= value < _STEPS


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number that fits a float; null stands for NaN."""
    if type(value) is int:
        return -_LARGEST <= value <= _LARGEST
    return value is None or type(value) is float


class Recorder:
    """Writes metrics and images of one run, as files and for TensorBoard.

    It opens `metrics.jsonl`, `events/` and `samples/` of a run that starts, or goes on,
    at `step`. What an earlier process recorded beyond `step` is dropped, because the
    run comes by there again.

    Attributes:
      seconds: training time up to `step`, as the last kept record has it, or 0.0.
      names: of all that was recorded of `step` itself.
    """

    def __init__(self, workdir: str | Path, *, step: int = 0) -> None:
        metrics = Path(workdir, "metrics.jsonl")
        self._samples = Path(workdir, "samples")
        records, damaged = read_records(workdir)
        if damaged:
            print(f"{describe_damage(workdir, damaged)}; dropped", file=sys.stderr)
        kept = [r for r in records if r.values["step"] <= step]
        self.seconds = float(kept[-1].values.get("seconds") or 0.0) if kept else 0.0
        self.names = {x for r in kept if r.values["step"] == step for x in r.values}
        write_bytes(metrics, b"".join(r.line for r in kept))
        for path in self._samples.glob("*.png"):
            drawn = _STEP_OF_IMAGE.search(path.name)
            if drawn and int(drawn[1]) > step:
                path.unlink()
        self._metrics = metrics.open("ab", buffering=0)
        self._events = EventFiles(Path(workdir, "events"), step=step)

    def scalars(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Appends one record; values that are not finite are null in `metrics.jsonl`.

        `seconds` is the run's whole training time, that of earlier processes included.
        Raises `OSError` when that fails; no part of the line is left then.
        """
        values = {name: float(value) for name, value in values.items()}
        record = {"step": int(step), "seconds": round(float(seconds), 3), **values}
        line = json.dumps(_plain(record)).encode() + b"\n"
        end = self._metrics.seek(0, os.SEEK_END)
        try:
            while line:
                line = line[self._metrics.write(line) :]
        except OSError:
            self._metrics.truncate(end)
            raise
        self._events.scalars(step, values)

    def image(self, step: int, name: str, pixels: np.ndarray) -> None:
        """Writes `samples/<name>_<step>.png`; uint8 `[H, W, 3]`, `[H, W, 1]`, `[H, W]`.

        Raises `ValueError` for other pixels, or for a name with a slash in it.
        """
        if "/" in name:
            raise ValueError(f"the name of an image is part of a file's name: {name!r}")
        png = png_bytes(pixels)
        write_bytes(self._samples / f"{name}_{step:08d}.png", png)
        self._events.image(step, name, png, *pixels.shape[:2])

    def close(self) -> None:
        """Flushes and closes the files."""
        self._metrics.close()
        self._events.close()


class Record(NamedTuple):
    """A line of `metrics.jsonl`, and what it holds: a step, and numbers or None."""

    line: bytes
    values: dict[str, Any]


def read_records(workdir: str | Path) -> tuple[list[Record], list[int]]:
    """Reads a run's `metrics.jsonl`: its records, and the damaged lines' numbers.

    Lines count from 1. A last line without its end was torn by a kill, which is no
    damage. A run without records gives two empty lists.
    """
    path = Path(workdir, "metrics.jsonl")
    return _split(_read(path)) if path.exists() else ([], [])


def describe_damage(workdir: str | Path, damaged: Sequence[int]) -> str:
    """Says in a line that these lines of `metrics.jsonl` are damaged."""
    path, count = Path(workdir, "metrics.jsonl"), len(damaged)
    words = f"{count} lines hold" if count > 1 else "1 line holds"
    return f"{path}: {words} no record, the first is line {damaged[0]}"


def read_metrics(workdir: str | Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """A run's metrics: name -> (steps int64 `[N]`, values float64 `[N]`).

    `seconds` is one of the names. Steps rise; null is NaN; of two values of one name at
    one step the later counts. A run without records gives an empty dictionary, and
    damaged lines are passed over.
    """
    return series(read_records(workdir)[0])


def series(records: Sequence[Record]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The metrics of records, as `read_metrics` gives them."""
    found: dict[str, dict[int, float]] = {}
    for _, values in records:
        for name, value in values.items():
            if name != "step":
                points = found.setdefault(name, {})
                finite = value is not None and math.isfinite(value)
                points[values["step"]] = float(value) if finite else math.nan
    return {
        name: (np.array(sorted(points)), np.array([points[s] for s in sorted(points)]))
        for name, points in found.items()
    }


def read_newest(workdir: str | Path, *, size: int = 1 << 16) -> list[dict[str, Any]]:
    """The records within the last `size` bytes of a run's `metrics.jsonl`, in order.

    It takes no longer the longer the run is. Values that were not finite are None; a
    run without records gives an empty list.
    """
    path = Path(workdir, "metrics.jsonl")
    if not path.is_file():
        return []
    with path.open("rb") as file:
        start = max(0, file.seek(0, os.SEEK_END) - size)
        file.seek(start)
        data = file.read()
    # The first line is cut, unless it is the file's first.
    records, _ = _split(data.partition(b"\n")[2] if start else data)
    return [values for _, values in records]


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
    writer = {"process": os.getpid(), "hostname": platform.node(), "updated": _now()}
    write_json(Path(workdir, "status.json"), status | writer)


def environment(devices: Sequence[str]) -> dict[str, Any]:
    """What `environment.json` holds: what ran, by which versions, on what.

    `devices` names the accelerators, which only the caller can know without jax here.
    `commit` and `dirty` are None unless ganjax is run from a git checkout; the version
    of a package that is not installed is None.
    """
    # A tracked file tells a checkout from an installation that lies inside another one.
    tracked = _git("ls-files", "--error-unmatch", "__init__.py") is not None
    changes = _git("status", "--porcelain", "--untracked-files=no") if tracked else None
    return {
        "started": _now(),
        "command": shlex.join(["python", *sys.orig_argv[1:]]),
        "hostname": platform.node(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "devices": list(devices),
        "python": platform.python_version(),
        "ganjax": ganjax.__version__,
        "commit": _git("rev-parse", "HEAD") if tracked else None,
        "dirty": None if changes is None else bool(changes),
        "versions": {package: _version(package) for package in _PACKAGES},
    }


def _read(path: Path) -> bytes:
    """A file's bytes; a pipe or a device, which may never end, is refused."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return path.read_bytes()


def _loads(data: bytes) -> Any:
    try:
        value = json.loads(data)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    level = [value]
    for _ in range(_DEEPEST):
        holders = [x for x in level if isinstance(x, dict | list)]
        if not holders:
            return value
        level = [y for x in holders for y in (x.values() if isinstance(x, dict) else x)]
    raise ValueError(_TOO_DEEP)


def _split(data: bytes) -> tuple[list[Record], list[int]]:
    records, damaged = [], []
    *lines, _ = data.split(b"\n")  # what lies behind the last end was torn by a kill
    for number, line in enumerate(lines, start=1):
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            values = None
        if _is_record(values):
            records.append(Record(line + b"\n", values))
        else:
            damaged.append(number)
    return records, damaged


def _is_record(values: Any) -> bool:
    return (
        isinstance(values, dict)
        and is_count(values.get("step"))
        and all(map(is_number, values.values()))
    )


def _plain(value: Any) -> Any:
    """The same value in the types that strict JSON has."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    """What git says of the folder that this module lies in; None when it fails."""
    # In a git hook, GIT_DIR and its like would point git at another repository.
    variables = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    folder = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            env=variables,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip() if not done.returncode else None

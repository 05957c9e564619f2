"""All that a run writes into its folder, except checkpoints. No jax.

Files are written whole: a kill or a full disk leaves the old file or the new one, never
a torn or an empty one. `metrics.jsonl` grows by whole lines; a kill tears at most the
last one, and readers pass over it.
"""

import json
import math
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import ganjax
from ganjax.draw import png_bytes
from ganjax.events import EventFiles

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


def write_json(path: str | Path, value: Any) -> None:
    """Writes strict JSON whole: keys in the order given, NaN and infinities as null.

    Numpy scalars and arrays become numbers and lists, tuples become lists.
    Raises `TypeError` for what JSON cannot hold, and `OSError` as `write_bytes` does.
    """
    write_bytes(path, json.dumps(_plain(value), indent=2).encode() + b"\n")


def read_json(path: str | Path) -> Any:
    """Reads what `write_json` wrote.

    Raises `OSError` when there is no such file, `ValueError` when it is not JSON.
    """
    return json.loads(Path(path).read_bytes())


class Recorder:
    """Writes metrics and images of one run, as files and for TensorBoard.

    It opens `metrics.jsonl`, `events/` and `samples/` of a run that starts, or goes on,
    at `step`. What an earlier process recorded beyond `step` is dropped, because the
    run comes by there again.

    Attributes:
      seconds: training time up to `step`, as the last kept record has it, or 0.0.
    """

    def __init__(self, workdir: str | Path, *, step: int = 0) -> None:
        metrics = Path(workdir, "metrics.jsonl")
        self._samples = Path(workdir, "samples")
        kept = [(line, r) for line, r in _records(metrics) if r["step"] <= step]
        self.seconds = float(kept[-1][1].get("seconds", 0.0)) if kept else 0.0
        write_bytes(metrics, b"".join(line for line, _ in kept))
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


def read_metrics(workdir: str | Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Reads a run's `metrics.jsonl`: name -> (steps int64 `[N]`, values float64 `[N]`).

    `seconds` is one of the names. Steps rise; null is NaN; of two values of one name at
    one step the later counts. A run without records gives an empty dictionary.
    """
    series: dict[str, dict[int, float]] = {}
    for _, record in _records(Path(workdir, "metrics.jsonl")):
        step = record.pop("step")
        for name, value in record.items():
            series.setdefault(name, {})[step] = math.nan if value is None else value
    return {
        name: (np.array(sorted(points)), np.array([points[s] for s in sorted(points)]))
        for name, points in series.items()
    }


def read_newest(workdir: str | Path, *, size: int = 1 << 16) -> list[dict[str, Any]]:
    """The records within the last `size` bytes of a run's `metrics.jsonl`, in order.

    It takes no longer the longer the run is. Values that were not finite are None; a
    run without records gives an empty list.
    """
    try:
        with open(Path(workdir, "metrics.jsonl"), "rb") as file:
            start = max(0, file.seek(0, os.SEEK_END) - size)
            file.seek(start)
            data = file.read()
    except FileNotFoundError:
        return []
    # The first line is cut, unless it is the file's first.
    return [record for _, record in _whole(data.partition(b"\n")[2] if start else data)]


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


def _records(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yields each whole line of a metrics file with the record that it holds."""
    if path.exists():
        yield from _whole(path.read_bytes())


def _whole(data: bytes) -> Iterator[tuple[bytes, dict[str, Any]]]:
    for line in data.splitlines(keepends=True):
        try:
            record = json.loads(line)
        except ValueError:  # torn by a kill, or blank after a power cut
            continue
        if line.endswith(b"\n") and isinstance(record, dict) and "step" in record:
            yield line, record


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

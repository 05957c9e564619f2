"""Files that are written whole, and strict JSON. No jax.

A kill or a full disk leaves the old file or the new one, never a torn or an empty one.
"""

import errno
import json
import math
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ganjax.record.lock import is_alive

_TEMPORARY = re.compile(r"\..+\.([1-9]\d*)\.tmp")  # of which file, by which process
_DEEPEST = 32  # levels of JSON that are read; no file of ours has ten
_LARGEST = sys.float_info.max
_TOO_DEEP = f"nested more than {_DEEPEST} deep"
_STEPS = 1 << 63  # steps are kept as int64


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


def read_bytes(path: Path) -> bytes:
    """A file's bytes; a pipe or a device, which may never end, is refused."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return path.read_bytes()


def is_temporary(path: Path) -> bool:
    """Whether a file has the name that `write_bytes` gives what it has not finished."""
    return _TEMPORARY.fullmatch(path.name) is not None


def remove_temporary(folder: Path) -> None:
    """Removes what killed processes left behind of files that they were writing.

    For the one process that trains, or launches, in the folder. Others may still write
    pages and samples there: what a process that is alive writes is left.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        found = _TEMPORARY.fullmatch(path.name)
        if found and path.is_file():
            writer = int(found[1])
            if writer == os.getpid() or not is_alive(writer):
                path.unlink(missing_ok=True)


def strict_json(value: Any, *, indent: int | None = None) -> bytes:
    """A value as JSON and a newline: keys in the order given, no NaN, no infinities.

    These become null; numpy scalars and arrays become numbers and lists, tuples lists.
    Raises `TypeError` for what JSON cannot hold.
    """
    return json.dumps(_plain(value), indent=indent).encode() + b"\n"


def write_json(path: str | Path, value: Any) -> None:
    """Writes `strict_json` whole; raises as that and as `write_bytes` does."""
    write_bytes(path, strict_json(value, indent=2))


def read_json(path: str | Path) -> Any:
    """Reads what `write_json` wrote.

    Raises `OSError` when there is no such file, `ValueError` when it is not JSON, or
    nested deeper than any file of ours.
    """
    return _loads(read_bytes(Path(path)))


def is_count(value: Any) -> bool:
    """Whether a JSON value is a whole number from 0 that fits an int64."""
    return type(value) is int and 0 <= value < _STEPS


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number that fits a float; null stands for NaN."""
    if type(value) is int:
        return -_LARGEST <= value <= _LARGEST
    return value is None or type(value) is float


def now() -> str:
    """The time, as a file of a run says it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


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

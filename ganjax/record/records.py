"""The records of a run's `metrics.jsonl`, as they are read. No jax.

The file grows by whole lines; a kill tears at most the last one, which is passed over.
"""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganjax.record.files import is_count, is_number, read_bytes


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
    return _split(read_bytes(path)) if path.exists() else ([], [])


def describe_damage(workdir: str | Path, damaged: Sequence[int]) -> str:
    """Says in a line that these lines of `metrics.jsonl` are damaged."""
    path, count = Path(workdir, "metrics.jsonl"), len(damaged)
    words = f"{count} lines hold" if count > 1 else "1 line holds"
    return f"{path}: {words} no record, the first is line {damaged[0]}"


def series(records: Sequence[Record]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The metrics of records: name -> (steps int64 `[N]`, values float64 `[N]`).

    `seconds` is one of the names. Steps rise; null is NaN; of two values of one name at
    one step the later counts.
    """
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

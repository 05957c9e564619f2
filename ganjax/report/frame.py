"""One table of many runs, for Python. No jax."""

import math
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ganjax.report.comparison import differing
from ganjax.report.sweeps import SweepRun, is_sweep, read_runs, read_sweep


def frame(folders: str | Path | Iterable[str | Path]) -> Any:
    """See `ganjax.frame`."""
    given = [folders] if isinstance(folders, str | Path) else folders
    runs: list[SweepRun] = []
    for folder in map(Path, given):
        runs += (read_sweep(folder) if is_sweep(folder) else read_runs([folder])).runs
    keys = ["seed", *differing([run.config for run in runs])]
    measured = [_measured(run) for run in runs]
    names = dict.fromkeys(name for found in measured for name in found)
    columns: dict[str, list[Any]] = {
        "folder": [str(run.folder) for run in runs],
        "state": [run.state for run in runs],
        "step": [run.step for run in runs],
        **{key: [run.config.get(key) for run in runs] for key in keys},
        **{name: [found.get(name, math.nan) for found in measured] for name in names},
    }
    if find_spec("pandas"):
        import pandas

        return pandas.DataFrame(columns)
    return {name: _array(values) for name, values in columns.items()}


def _measured(run: SweepRun) -> dict[str, float]:
    found = {} if run.content is None else run.content.evaluation.get("metrics", {})
    return {name: math.nan if x is None else float(x) for name, x in found.items()}


def _array(values: list[Any]) -> np.ndarray:
    """Of one type where all are, NaN being a missing number; else of any objects."""
    kinds = {type(value) for value in values}
    if len(kinds) == 1 and kinds <= {int, float, bool, str}:
        return np.array(values)
    if kinds <= {int, float, type(None)}:
        return np.array([math.nan if value is None else value for value in values])
    array = np.empty(len(values), object)
    array[:] = values
    return array

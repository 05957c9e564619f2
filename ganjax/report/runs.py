"""Reading a run folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganjax import record
from ganjax.report.groups import Metrics

_SAMPLE = re.compile(r"(?P<name>.+)_(?P<step>\d{8,})\.png")


class RunError(ValueError):
    """A folder cannot be reported on; the message names it and says what is missing."""


class Run(NamedTuple):
    """What a run folder holds; a file that is not there gives an empty mapping."""

    workdir: Path
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    status: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    metrics: Metrics
    samples: Mapping[str, list[tuple[int, Path]]]  # name -> (step, picture), steps rise


def read_run(workdir: Path) -> Run:
    """Reads a run folder; raises `RunError` unless it has a config and metrics."""
    if not workdir.is_dir():
        raise RunError(f"{workdir}: there is no such folder")
    if not (workdir / "config.json").is_file():
        raise RunError(f"{workdir}: not a run folder, config.json is missing")
    if not (workdir / "metrics.jsonl").is_file():
        raise RunError(f"{workdir}: no metrics yet, metrics.jsonl is missing")
    metrics = {
        name: (steps.astype(float), values.astype(float))
        for name, (steps, values) in record.read_metrics(workdir).items()
    }
    if not metrics:
        raise RunError(f"{workdir}: no metrics yet, metrics.jsonl holds no record")
    return Run(
        workdir=workdir.resolve(),
        config=_read_object(workdir / "config.json"),
        environment=_read_object(workdir / "environment.json"),
        status=_read_object(workdir / "status.json"),
        evaluation=_read_object(workdir / "evaluation.json"),
        metrics=_with_speed(metrics),
        samples=_find_samples(workdir / "samples"),
    )


def last_step(run: Run) -> int:
    """The newest step of which the run has a metric."""
    return max(int(steps[-1]) for steps, _ in run.metrics.values())


def _with_speed(metrics: Metrics) -> Metrics:
    """Adds the speed between records to a run that recorded only its time."""
    if "steps_per_second" in metrics or "seconds" not in metrics:
        return metrics
    steps, seconds = metrics["seconds"]
    if len(steps) < 2:
        return metrics
    # The first record's time is mostly compilation: its speed is left out.
    passed = np.diff(seconds)
    speed = np.diff(steps) / np.where(passed > 0, passed, np.nan)
    return {**metrics, "steps_per_second": (steps[1:], speed)}


def _read_object(path: Path) -> Mapping[str, Any]:
    try:
        found = record.read_json(path)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise RunError(f"{path}: not JSON, {error}") from error
    if not isinstance(found, dict):
        raise RunError(f"{path}: a JSON object is expected, not {type(found).__name__}")
    return found


def _find_samples(folder: Path) -> dict[str, list[tuple[int, Path]]]:
    samples: dict[str, list[tuple[int, Path]]] = {}
    for path in folder.glob("*.png"):
        if match := _SAMPLE.fullmatch(path.name):
            pictures = samples.setdefault(match["name"], [])
            pictures.append((int(match["step"]), path))
    return {name: sorted(samples[name]) for name in sorted(samples, key=_sample_order)}


def _sample_order(name: str) -> tuple[bool, str]:
    return name != "sample", name

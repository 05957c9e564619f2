"""Reading run folders, and what a study asks of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganjax.config.completion import renamed
from ganjax.config.experiment import Point
from ganjax.config.ranks import Ranking
from ganjax.record import reading
from ganjax.record.reading import RunError
from ganjax.record.records import describe_damage, read_records, series

T = TypeVar("T")
Floats = NDArray[np.float64]
Metrics = Mapping[str, tuple[Floats, Floats]]  # name -> (steps, values)

_SAMPLE = re.compile(r"(?P<name>.+)_(?P<step>\d{8,})\.png")
_FIRST = ("sample", "reconstruction")  # the pictures that a run is known by


class Run(NamedTuple):
    """What a run folder holds; a file that is not there gives an empty mapping.

    So does one that is damaged, and `problems` has a line that names it.
    """

    workdir: Path
    config: Mapping[str, Any]  # nested, every resolved key
    environment: Mapping[str, Any]
    status: Mapping[str, Any]  # state, step, steps, message
    evaluation: Mapping[str, Any]  # step, samples, metrics, better
    metrics: Metrics
    samples: Mapping[str, list[tuple[int, Path]]]  # name -> (step, picture), steps rise
    classes: tuple[str, ...] = ()  # names, by label
    problems: tuple[str, ...] = ()
    init: Mapping[str, Any] = MappingProxyType({})  # folder, step, players, of another
    point: Point = Point("", {})  # of its sweep: what `add` was given
    stage: int = 0  # of its sweep: 0 for a point of `sweep`, else of `follow`

    @property
    def better(self) -> Ranking:
        """Where the best of each number of its measures lies, as far as it says so."""
        return self.evaluation.get("better", {})


# A metric by its name, or a function of a run that gives steps and values, `[N]`.
Metric = str | Callable[[Run], tuple[Floats, Floats]]


def read_run(workdir: Path) -> Run:
    """Reads a run folder.

    Raises `RunError` where there is none, or its config is missing or damaged.
    """
    if not workdir.is_dir():
        raise RunError(f"{workdir}: there is no such folder")
    if not (workdir / "config.json").exists():
        raise RunError(f"{workdir}: not a run folder, config.json is missing")
    config = renamed(reading.read_config(workdir))
    problems: list[str] = []
    nothing: Mapping[str, Any] = {}

    def whole(read: Callable[[Path], T], path: Path, instead: T) -> T:
        try:
            return read(path)
        except RunError as error:
            problems.append(str(error))
            return instead

    status = whole(reading.read_status, workdir, nothing)
    return Run(
        workdir=workdir.resolve(),
        config=config,
        environment=whole(reading.read_object, workdir / "environment.json", nothing),
        status=status,
        evaluation=whole(reading.read_evaluation, workdir, nothing),
        metrics=_with_speed(_read_metrics(workdir, status, problems)),
        samples=_find_samples(workdir / "samples"),
        classes=whole(reading.read_class_names, workdir, ()),
        init=whole(reading.read_init, workdir, nothing),
        problems=tuple(problems),
    )


def read_point(sweep: Path, point: Mapping[str, Any]) -> Run:
    """Reads the run of a point of `sweep.json`; raises `RunError` as `read_run`."""
    run = read_run(reading.inside(sweep, point["folder"]))
    own = {key: _tuples(value) for key, value in point["overrides"].items()}
    return run._replace(point=Point(point["arg"], own), stage=point.get("stage", 0))


def read_sweep(folder: Path) -> list[Run]:
    """The runs of a sweep folder that have ended, done or diverged, in its order.

    It is what `follow(add, runs)` is given. `study(runs)` is given those that are done;
    `read_sweep(runs[0].workdir.parent)` has the diverged ones too.

    Raises `RunError` where it is no sweep folder, or a run's config is damaged.
    """
    points = reading.read_sweep(folder)["points"]
    begun = [x for x in points if (folder / x["folder"] / "config.json").exists()]
    runs = [read_point(folder, point) for point in begun]
    return [run for run in runs if run.status.get("state") in ("done", "diverged")]


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _read_metrics(
    workdir: Path, status: Mapping[str, Any], problems: list[str]
) -> Metrics:
    """The metrics; only a run that is done must have some."""
    path = workdir / "metrics.jsonl"
    try:
        records, damaged = read_records(workdir)
    except OSError as error:
        problems.append(f"{path}: {error.strerror or error}")
        return {}
    if damaged:
        problems.append(describe_damage(workdir, damaged))
    elif not records and status.get("state") == "done":
        problems.append(f"{path}: holds no record of a run that is done")
    return {
        name: (steps.astype(float), values)
        for name, (steps, values) in series(records).items()
    }


def last_step(run: Run) -> int:
    """The newest step with a metric; 0 where there is none."""
    return max((int(steps[-1]) for steps, _ in run.metrics.values()), default=0)


def setting(run: Run, key: str) -> Any:
    """A value of the run's config by its dotted key, such as "objective.name".

    Raises `KeyError` where the config has no such key.
    """
    value: Any = run.config
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise KeyError(f"{run.workdir.name}: the config has no key {key}")
        value = value[part]
    return value


def mean_and_sd(values: Iterable[float]) -> tuple[float, float]:
    """Mean and standard deviation, with n - 1; that of a lone value is NaN.

    Raises `ValueError` where there is no value.
    """
    numbers = np.array(list(values), float)
    if not len(numbers):
        raise ValueError("the mean of no values")
    with np.errstate(over="ignore", invalid="ignore"):
        sd = float(numbers.std(ddof=1)) if len(numbers) > 1 else float("nan")
        return float(numbers.mean()), sd


def measure(run: Run, name: str) -> float:
    """A measure of the run's evaluation; one that was not finite is NaN.

    Raises `KeyError` where the evaluation has no such measure.
    """
    found = run.evaluation.get("metrics", {})
    if name not in found:
        known = ", ".join(found) or "none: run with --mode=evaluate"
        raise KeyError(f"{run.workdir.name}: no measure {name}; there are {known}")
    return float("nan") if found[name] is None else float(found[name])


def head(run: Run, metric: Metric, part: float = 0.1) -> Floats:
    """The values `[N]` of a metric in the first records, one at least.

    Raises `KeyError` where the run has no such metric.
    """
    _, values = _series(run, metric)
    return values[: _share(values, part)]


def tail(run: Run, metric: Metric, part: float = 0.1) -> Floats:
    """The values `[N]` of a metric in the last records, one at least.

    Raises `KeyError` where the run has no such metric.
    """
    _, values = _series(run, metric)
    return values[-_share(values, part) :]


def curve(runs: Sequence[Run], metric: Metric) -> tuple[Floats, Floats, Floats, Floats]:
    """A metric over training as `(steps, mean, low, high)` over runs, `[N]` each.

    Steps are those that all runs recorded; `low` and `high` are the least and the
    greatest of the runs. Values that are not finite are left out; where none is left
    there is NaN.

    Raises `KeyError` where a run has no such metric.
    """
    steps, values = stack([_series(run, metric) for run in runs])
    return steps, *spread(values)


def _series(run: Run, metric: Metric) -> tuple[Floats, Floats]:
    if callable(metric):
        return metric(run)
    if metric not in run.metrics:
        raise KeyError(f"{run.workdir.name}: no metric {metric} was recorded")
    return run.metrics[metric]


def _share(values: Floats, part: float) -> int:
    return max(1, int(part * len(values)))


def stack(series: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """The steps `[N]` that all of `S` series have, and their values there `[S, N]`."""
    common = series[0][0]
    for steps, _ in series[1:]:
        common = np.intersect1d(common, steps)
    return common, np.stack([v[np.searchsorted(s, common)] for s, v in series])


def spread(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean, least and greatest `[N]` of the finite ones of `[S, N]`; NaN for none."""
    finite = np.isfinite(values)
    count = finite.sum(axis=0)
    missing = np.where(count, 0.0, np.nan)
    mean = np.where(finite, values, 0.0).sum(axis=0) / np.maximum(count, 1)
    low = np.where(finite, values, np.inf).min(axis=0)
    high = np.where(finite, values, -np.inf).max(axis=0)
    return mean + missing, low + missing, high + missing


def samples(run: Run) -> NDArray[Any]:
    """The generated examples `[N, ...]` that `--mode=sample` wrote.

    Raises `RunError` where there are none.
    """
    path = run.workdir / "samples" / "final.npz"
    if not path.is_file():
        raise RunError(f"{path} is missing: run with --mode=sample")
    with np.load(path) as arrays:
        return arrays["samples"]


def picture(path: str | Path) -> NDArray[np.uint8]:
    """The pixels of a picture of `run.samples`, uint8 `[H, W, 3]`."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


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


def _find_samples(folder: Path) -> dict[str, list[tuple[int, Path]]]:
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in folder.glob("*.png"):
        if (match := _SAMPLE.fullmatch(path.name)) and path.is_file():
            found.setdefault(match["name"], []).append((int(match["step"]), path))
    return {name: sorted(found[name]) for name in sorted(found, key=_sample_order)}


def _sample_order(name: str) -> tuple[bool | str, ...]:
    return *(name != first for first in _FIRST), name

"""Runs a config in a run folder: trains or resumes, evaluates, samples. Wiring only."""

import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax

from ganjax import memory, peers
from ganjax.build import Experiment, build_experiment, build_layout
from ganjax.checkpoint import CheckpointError, Checkpoints
from ganjax.config import ConfigError
from ganjax.evaluate import Evaluator
from ganjax.identity import check_data
from ganjax.inherit import Inherited, inherit
from ganjax.journal import (
    Journal,
    opening,
    write_evaluation,
    write_report,
    write_samples,
)
from ganjax.parallel import Layout
from ganjax.peers import Peers
from ganjax.record import is_temporary, read_json, write_json, write_status
from ganjax.report import RunError
from ganjax.restore import restore
from ganjax.sampling import Choice, write_choice
from ganjax.state import TrainState
from ganjax.stopping import StopRequest
from ganjax.validation import check_resumable

Config = Mapping[str, Any]

EXIT_CODES = {"done": 0, "diverged": 3, "preempted": 75}


def join(coordinator_address: str | None, num_processes: int, process_id: int) -> Peers:
    """Joins several processes into one run; to be called before any other use of jax.

    Raises:
      ConfigError: no coordinator, or a process number out of range.
      PeerError: some process did not come within `peers.JOIN_SECONDS`.
    """
    seconds = peers.JOIN_SECONDS
    joined = Peers(coordinator_address, num_processes, process_id, seconds)
    # JAX dials this machine alone, which no proxy reaches.
    os.environ.update(no_grpc_proxy="127.0.0.1")
    jax.config.update("jax_check_proxy_envs", False)
    jax.distributed.initialize(
        joined.coordinator(),
        num_processes,
        process_id,
        initialization_timeout=int(seconds),
        # Who is done waits for process 0 to evaluate; who is gone is noticed before.
        shutdown_timeout_seconds=24 * 3600,
    )
    return joined


def write_preempted(folder: Path, message: str) -> None:
    """Writes the status of a run that ends because another process is gone."""
    with suppress(OSError, ValueError, LookupError):
        status = read_json(folder / "status.json")
        if status["state"] not in ("running", "failed"):
            return
        names = [path.name for path in (folder / "checkpoints").iterdir()]
        step = max((int(name) for name in names if name.isdecimal()), default=0)
        steps, state = status["steps"], "preempted"
        write_status(folder, state=state, step=step, steps=steps, message=message)


def run(
    config: Config, folder: Path, mode: str, choice: Mapping[str, Any] | None = None
) -> int:
    """Trains, evaluates or samples a run, and returns the exit code.

    Args:
      config: validated.
      folder: of the run; training makes it, or resumes what it finds there.
      mode: "train", "evaluate" or "sample".
      choice: of samples, fields of a `Choice`; else as at the end of a training.

    Raises:
      ConfigError: the folder belongs to another run, has nothing to look at, or cannot
        be read or written; or there is nothing to sample.
    """
    _keep_compiled_programs()
    try:
        if jax.process_index() == 0:
            _check_folder(config, folder, mode)
        if mode == "train":
            return _train(config, folder)
        sample = partial(_write_samples, choice=choice)
        _look(config, folder, (sample if mode == "sample" else write_evaluation,))
        if jax.process_index() == 0:
            write_report(folder)
        return EXIT_CODES["done"]
    except (CheckpointError, OSError, RunError) as error:
        raise ConfigError(f"--workdir: {folder}: {error}") from error


def _keep_compiled_programs() -> None:
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        jax.config.update("jax_compilation_cache_dir", str(Path(caches, "ganjax/xla")))


def _check_folder(config: Config, folder: Path, mode: str) -> None:
    written = folder / "config.json"
    if not written.exists():
        if mode != "train":
            raise ConfigError(f"--workdir: {folder} is not a run folder; train first")
        # A kill during the first write leaves its temporary file.
        foreign = not folder.is_dir() or any(
            not is_temporary(path) for path in folder.iterdir()
        )
        if folder.exists() and foreign:
            raise ConfigError(f"--workdir: {folder} exists and is not a run folder")
        return
    try:
        check_resumable(read_json(written), config)
    except ConfigError as error:
        raise ConfigError(
            f"--workdir: {folder} holds another run: {error}; choose another folder, "
            f"which may begin from this state by --init_from={folder}"
        ) from error
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"--workdir: {written} is damaged: {error}") from error


def _look(config: Config, folder: Path, writers: tuple[Callable, ...]) -> None:
    """Restores the newest state and lets each writer write what it makes of it."""
    experiment, *restored = restore(config, folder)
    if jax.process_index() == 0:
        evaluator = Evaluator(experiment)
        for write in writers:
            write(config, folder, evaluator, *restored)


def _write_samples(
    config: Config,
    folder: Path,
    evaluator: Evaluator,
    step: int,
    state: TrainState,
    *,
    choice: Mapping[str, Any] | None,
) -> None:
    """Samples that were asked for must be there; after a training they need not."""
    if "sample" not in evaluator.probes:
        raise ConfigError(
            f"--mode=sample: the game {config['game']['name']} makes no samples"
        )
    write = partial(write_choice, choice=Choice(**choice)) if choice else write_samples
    write(config, folder, evaluator, step, state)


class _Chunk(NamedTuple):
    """What one dispatch of several steps did."""

    before: int
    step: int
    seconds: float
    metrics: dict[str, float]  # means over the steps
    skipped: dict[str, int]  # updates refused since the run began, by player
    fetch: Callable[[], TrainState]


def _chunks(
    config: Config, experiment: Experiment, layout: Layout, step: int, state: TrainState
) -> Iterator[_Chunk]:
    """Takes the steps that are left, up to `record.every` of them at a time."""
    every, steps = config["record"]["every"], config["steps"]
    advance = layout.compile(experiment.make_step(layout.axis_name))
    data = layout.place_data(experiment.source.arrays)
    placed = layout.place(state)
    while step < steps:
        count = min(every - step % every, steps - step)
        began = time.perf_counter()
        placed, metrics = advance(placed, experiment.numbers, data, count)
        metrics, skipped = jax.device_get(metrics), layout.fetch(placed.skipped)
        seconds = time.perf_counter() - began
        before, step = step, step + count
        fetch = partial(layout.fetch, placed)
        yield _Chunk(before, step, seconds, metrics, skipped, fetch)


def _advance(config: Config, folder: Path) -> tuple[str, int, str]:
    """Trains or resumes; returns how it ended, the last step and a message."""
    experiment, layout = build_experiment(config), build_layout(config)
    record, steps = config["record"], config["steps"]
    data = check_data(folder, experiment.source)
    memory.check(experiment, config["evaluation"]["samples"], layout.devices)
    first = _first_state(config, folder, experiment)
    if jax.process_index() == 0:
        write_json(folder / "config.json", config)
        if data:
            write_json(folder / "data.json", data)
        if first.record:
            write_json(folder / "init.json", first.record)
    with (
        Checkpoints(folder / "checkpoints", keep=record["keep"]) as saved,
        StopRequest(processes=jax.process_count()) as stop,
    ):
        restored = saved.restore(first.state)
        step, state = restored or (0, first.state)
        if first.record and not restored:
            saved.save(0, state)  # the other run is not needed again
        with _open_journal(config, folder, experiment, step, state) as journal:
            for chunk in _chunks(config, experiment, layout, step, state):
                step = chunk.step
                due = partial(_is_due, chunk, steps)
                stopping = stop.requested or saved.reached_preemption(step)
                if journal is not None:
                    journal.record(step, chunk.seconds, chunk.metrics)
                if config["non_finite"] == "stop" and any(chunk.skipped.values()):
                    return "diverged", step, _what_diverged(chunk)
                if journal is not None:
                    if due(record["pictures_every"]):
                        journal.draw(chunk.fetch())
                    if due(config["evaluation"]["every"]):
                        journal.evaluate(chunk.fetch())
                if stopping or due(record["checkpoint_every"]):
                    saved.save(step, chunk.fetch())
                if stopping and step < steps:
                    return "preempted", step, "run the same command again to resume"
    return "done", step, ""


def _first_state(config: Config, folder: Path, experiment: Experiment) -> Inherited:
    """The state before the first step: new, or another run's until one is saved."""
    fresh = jax.device_get(experiment.init())
    begun = any(path.name.isdecimal() for path in (folder / "checkpoints").glob("*"))
    if begun or not config["init_from"]:
        return Inherited(fresh, {})
    return inherit(config["init_from"], config["init_players"], fresh)


def _open_journal(
    config: Config, folder: Path, experiment: Experiment, step: int, state: TrainState
) -> AbstractContextManager[Journal | None]:
    """Of several processes one writes."""
    if jax.process_index() > 0:
        return nullcontext()
    evaluator = Evaluator(experiment)
    if step < config["steps"]:
        line = opening(config, evaluator, state, step)
        print(line, file=sys.stderr, flush=True)
    return Journal(config, folder, evaluator, step)


def _is_due(chunk: _Chunk, steps: int, cadence: int) -> bool:
    """Whether the chunk crossed a multiple of `cadence`, or is the last; 0 is never."""
    crossed = cadence > 0 and chunk.step // cadence > chunk.before // cadence
    return crossed or (cadence > 0 and chunk.step == steps)


def _what_diverged(chunk: _Chunk) -> str:
    names = [name for name, value in chunk.metrics.items() if not math.isfinite(value)]
    if not names:
        names = [f"{player}'s update" for player, n in chunk.skipped.items() if n]
    steps = f"between steps {chunk.before} and {chunk.step}"
    return f"{', '.join(names)} not finite {steps}; the last good checkpoint is kept"


def _train(config: Config, folder: Path) -> int:
    ending, step, message = _advance(config, folder)
    status = partial(write_status, folder, step=step, steps=config["steps"])
    is_writer = jax.process_index() == 0
    try:
        if ending == "done":
            _look(config, folder, (write_evaluation, write_samples))
    except Exception as error:
        if is_writer:
            status(state="failed", message=f"{type(error).__name__}: {error}")
        raise
    if is_writer:
        # Only now: who reads "done" may rely on the evaluation.
        status(state=ending, message=message)
        print(f"{ending} at step {step}" + (message and f": {message}"))
        write_report(folder)
    return EXIT_CODES[ending]

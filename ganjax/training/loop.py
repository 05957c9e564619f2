"""Runs a config in a run folder: trains, evaluates, samples, exports. Wiring only."""

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ganjax.build import Setup, build_layout, build_setup, keep_compiled_programs
from ganjax.checkpoint import CheckpointError, Checkpoints
from ganjax.command.exits import Exit
from ganjax.command.stopping import StopRequest
from ganjax.config import ConfigError
from ganjax.config.chosen import choose
from ganjax.config.program import Program, store
from ganjax.look.evaluate import Evaluator
from ganjax.look.restore import restore
from ganjax.look.sampling import Choice, write_choice
from ganjax.parallel import Layout
from ganjax.record.files import write_json
from ganjax.record.status import write_status
from ganjax.report import RunError
from ganjax.state import TrainState
from ganjax.training import memory
from ganjax.training.folder import alone, check_run, say_preempted
from ganjax.training.identity import check_data
from ganjax.training.inherit import Inherited, inherit
from ganjax.training.journal import (
    Journal,
    opening,
    write_evaluation,
    write_report,
    write_samples,
)
from ganjax.training.rehearsal import rehearse
from ganjax.types import Terms

Config = Mapping[str, Any]
OnRecord = Callable[[int, Mapping[str, float]], object]

_EXITS = {"done": Exit.DONE, "diverged": Exit.DIVERGED, "preempted": Exit.STOPPED}

AGAIN = "run the same command again to resume"


def run(
    program: Program,
    folder: Path,
    mode: str,
    choice: Mapping[str, Any] | None = None,
    stop: StopRequest | None = None,
    on_record: OnRecord | None = None,
) -> int:
    """Trains, evaluates, samples or exports a run, and returns the exit code.

    Args:
      program: the validated config, and the parts that it names.
      folder: of the run; training makes it, or resumes what it finds there.
      mode: "train", "evaluate", "sample" or "export".
      choice: of samples, fields of a `Choice`; by default as at the end of a training.
      stop: what tells this process to save and end; by default nothing does.
      on_record: is called with the step and the metrics of each record of a training.

    Raises:
      ConfigError: the folder belongs to another run, has nothing to look at, or cannot
        be read or written; or there is nothing to sample or to export.
    """
    keep_compiled_programs()
    try:
        is_first = jax.process_index() == 0  # of several, which sees to the folder
        if is_first:
            check_run(program, folder, mode)
        if mode == "train":
            with alone(program, folder) if is_first else nullcontext():
                return _train(program, folder, stop or StopRequest(), on_record)
        if mode == "export":
            # Which no training waits for.
            from ganjax.look.export import write_export
            from ganjax.look.run import load

            if is_first:
                write_export(load(folder, program=program))
            return Exit.DONE
        sample = partial(_write_samples, choice=choice)
        _look(program, folder, (sample if mode == "sample" else write_evaluation,))
        if is_first:
            write_report(folder)
        return Exit.DONE
    except (CheckpointError, OSError, RunError) as error:
        raise ConfigError(f"{folder}: {error}") from error


class _Made(NamedTuple):
    """What a training works with, made and checked before anything is written."""

    setup: Setup
    layout: Layout
    evaluator: Evaluator | None  # of several processes the first alone looks
    data: dict[str, Any]  # what `data.json` is to hold, if anything
    first: Inherited


def _look(
    program: Program,
    folder: Path,
    writers: tuple[Callable, ...],
    made: _Made | None = None,
) -> list[str]:
    """Restores the newest state and lets each writer write what it makes of it.

    After a training with what it `made`, whose programs are compiled already. Returns
    the probes whose outputs were not finite, in the first process.
    """
    config = program.config
    setup, *restored = restore(config, folder, made and made.setup, program.catalogue)
    if jax.process_index() > 0:
        return []
    evaluator = (made and made.evaluator) or Evaluator(setup)
    evaluator.not_finite.clear()  # of the states before
    for write in writers:
        write(config, folder, evaluator, *restored)
    return sorted(evaluator.not_finite)


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
    skipped: dict[str, int]  # updates that were not finite since the run began
    is_last: bool  # here the run is told to stop
    state: TrainState | None  # on the host, where something is made of it


class _Sent(NamedTuple):
    """A chunk that was dispatched; the next dispatch takes its `placed` state."""

    before: int
    step: int
    began: float
    ended: Future[float]
    metrics: Terms
    skipped: dict[str, Array]
    placed: TrainState


def _send(
    config: Config, setup: Setup, layout: Layout, step: int, state: TrainState
) -> Iterator[_Sent]:
    """Dispatches the steps that are left, up to `record.every` of them at a time."""
    every, steps = config["record"]["every"], config["steps"]
    advance = layout.compile(setup.make_step(layout.axis_name))
    data = layout.place_data(setup.source.arrays)
    placed = layout.place(state)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="wait") as waiting:
        while step < steps:
            count = min(every - step % every, steps - step)
            began = time.perf_counter()
            placed, metrics = advance(placed, setup.numbers, data, count)
            skipped = jax.tree.map(jnp.copy, placed.skipped)
            ended = waiting.submit(_end, metrics)
            before, step = step, step + count
            yield _Sent(before, step, began, ended, metrics, skipped, placed)


def _end(metrics: Terms) -> float:
    """When they were computed, however late the host looks at them."""
    jax.block_until_ready(metrics)
    return time.perf_counter()


def _chunks(
    config: Config,
    layout: Layout,
    sent: Iterator[_Sent],
    stops: Callable[[int], bool],
) -> Iterator[_Chunk]:
    """Hands over one chunk after another, when the next one is dispatched already.

    So the devices go on while the host records, saves and draws. After a chunk where
    the run `stops` nothing is dispatched.
    """
    this, last = next(sent, None), 0.0
    while this is not None:
        before, step, began, ended = this[:4]
        is_due = _is_anything_due(config, before, step)
        if is_due:
            ended.result()  # the run may be told to stop until then
        is_last = stops(step)
        state = layout.fetch(this.placed) if is_due or is_last else None
        ahead = None if is_last else next(sent, None)
        seconds = ended.result() - max(began, last)
        metrics, skipped = jax.device_get(this.metrics), layout.fetch(this.skipped)
        yield _Chunk(before, step, seconds, metrics, skipped, is_last, state)
        this, last = ahead, ended.result()


def _make(program: Program, folder: Path) -> _Made:
    config = program.config
    setup = build_setup(config, program.catalogue)
    layout = build_layout(config)
    data = check_data(folder, setup.source)
    memory.check(setup, config["evaluation"]["samples"], layout.devices)
    evaluator = Evaluator(setup) if jax.process_index() == 0 else None
    if evaluator and program.has_own_parts:
        rehearse(setup, choose(config, program.catalogue), evaluator)
    first = _first_state(config, folder, setup)
    return _Made(setup, layout, evaluator, data, first)


def _advance(
    program: Program,
    folder: Path,
    stop: StopRequest,
    on_record: OnRecord | None,
    made: _Made,
) -> tuple[str, int, str]:
    """Trains or resumes; returns how it ended, the last step and a message."""
    setup, layout, evaluator, data, first = made
    config = program.config
    record, steps = config["record"], config["steps"]
    if jax.process_index() == 0:
        write_json(folder / "config.json", config)
        store(program, folder)
        if data:
            write_json(folder / "data.json", data)
        if first.record:
            write_json(folder / "init.json", first.record)
    with Checkpoints(folder / "checkpoints", keep=record["keep"]) as saved:
        restored = saved.restore(first.state)
        step, state = restored or (0, first.state)
        if first.record and not restored:
            saved.save(0, state)  # the other run is not needed again
        with _open_journal(config, folder, evaluator, step, state) as journal:
            kept = step
            if step and journal is not None:  # killed once it had saved
                before = (step - 1) // record["every"] * record["every"]
                _observe(config, journal, before, step, state)
            if stop.requested:
                return "preempted", step, AGAIN

            def stops(step: int) -> bool:
                return stop.requested or saved.reached_preemption(step)

            sent = _send(config, setup, layout, step, state)
            for chunk in _chunks(config, layout, sent, stops):
                step = chunk.step
                if journal is not None:
                    journal.record(step, chunk.seconds, chunk.metrics)
                    if on_record is not None:
                        on_record(step, chunk.metrics)
                if config["non_finite"] == "stop" and any(chunk.skipped.values()):
                    return "diverged", step, _what_diverged(chunk, kept)
                if chunk.state is None:
                    continue
                every = record["checkpoint_every"]
                if chunk.is_last or _is_due(chunk.before, step, steps, every):
                    saved.save(step, chunk.state)
                    kept = step
                if journal is not None:
                    _observe(config, journal, chunk.before, step, chunk.state)
                if chunk.is_last and step < steps:
                    return "preempted", step, AGAIN
    return "done", step, ""


def _first_state(config: Config, folder: Path, setup: Setup) -> Inherited:
    """The state before the first step: new, or another run's until one is saved."""
    fresh = jax.device_get(setup.init())
    begun = any(path.name.isdecimal() for path in (folder / "checkpoints").glob("*"))
    if begun or not config["init_from"]:
        return Inherited(fresh, {})
    return inherit(config["init_from"], config["init_players"], fresh)


def _open_journal(
    config: Config,
    folder: Path,
    evaluator: Evaluator | None,
    step: int,
    state: TrainState,
) -> AbstractContextManager[Journal | None]:
    """Of several processes one writes."""
    if evaluator is None:
        return nullcontext()
    if step < config["steps"]:
        line = opening(config, evaluator, state, step)
        print(line, file=sys.stderr, flush=True)
    return Journal(config, folder, evaluator, step)


def _observe(
    config: Config,
    journal: Journal,
    before: int,
    step: int,
    state: TrainState,
) -> None:
    """Draws and evaluates the state after `step`, where that is due."""
    due = partial(_is_due, before, step, config["steps"])
    if due(config["record"]["pictures_every"]):
        journal.draw(state)
    if due(config["evaluation"]["every"]):
        journal.evaluate(state)


def _is_anything_due(config: Config, before: int, step: int) -> bool:
    """Whether something is made of the state after `step`, as of the last."""
    record, evaluation = config["record"], config["evaluation"]
    cadences = record["checkpoint_every"], record["pictures_every"], evaluation["every"]
    return any(_is_due(before, step, config["steps"], cadence) for cadence in cadences)


def _is_due(before: int, step: int, steps: int, cadence: int) -> bool:
    """Whether a chunk crossed a multiple of `cadence`, or is the last; 0 is never."""
    crossed = cadence > 0 and step // cadence > before // cadence
    return crossed or (cadence > 0 and step == steps)


def _what_diverged(chunk: _Chunk, kept: int) -> str:
    """Names what was not finite, and `kept`, the last step that was saved.

    The player whose updates were the first comes first: the others mostly follow it.
    """
    order = sorted(chunk.skipped, key=chunk.skipped.__getitem__, reverse=True)
    names = [
        name
        for player in order
        for name, value in chunk.metrics.items()
        if name.startswith(f"{player}/") and not math.isfinite(value)
    ]
    if not names:
        names = [f"{player}'s update" for player in order if chunk.skipped[player]]
    steps = f"between steps {chunk.before} and {chunk.step}"
    advice = f"no checkpoint was saved; set record.checkpoint_every below {chunk.step}"
    saved = f"the last good checkpoint, of step {kept}, is kept" if kept else advice
    return f"{', '.join(names)} not finite {steps}; {saved}"


def _train(
    program: Program, folder: Path, stop: StopRequest, on_record: OnRecord | None
) -> int:
    stop.last_words = partial(say_preempted, folder, AGAIN)
    ending, step, message = _finish(program, folder, stop, on_record)
    if jax.process_index() == 0:
        with stop.put_off():
            # Only now: who reads "done" may rely on the evaluation.
            _status(program.config, folder, ending, step, message)
            print(f"{ending} at step {step}" + (message and f": {message}"))
            write_report(folder)
    return _EXITS[ending]


def _finish(
    program: Program,
    folder: Path,
    stop: StopRequest,
    on_record: OnRecord | None = None,
) -> tuple[str, int, str]:
    """Trains and evaluates; returns how it ended, the last step and a message."""
    config = program.config
    made = _make(program, folder)
    with stop.put_off():
        ending, step, message = _advance(program, folder, stop, on_record, made)
    if ending != "done":
        return ending, step, message
    stop.check()
    try:
        writers = (write_evaluation, write_samples)
        lost = _look(program, folder, writers, made)
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        _status(config, folder, "failed", step, message)
        raise
    if lost and config["non_finite"] == "stop":
        return "diverged", step, f"{', '.join(lost)} of the last state not finite"
    return "done", step, ""


def _status(config: Config, folder: Path, state: str, step: int, message: str) -> None:
    if jax.process_index() == 0:
        steps = config["steps"]
        write_status(folder, state=state, step=step, steps=steps, message=message)

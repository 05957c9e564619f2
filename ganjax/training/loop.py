"""Runs a config in a run folder: trains, evaluates, samples, exports. Wiring only."""

import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from ganjax.build import (
    Setup,
    build_layout,
    build_pack_layout,
    build_setup,
    keep_compiled_programs,
)
from ganjax.checkpoint import CheckpointError
from ganjax.command.exits import Exit
from ganjax.command.stopping import StopRequest
from ganjax.config import ConfigError
from ganjax.config.chosen import choose
from ganjax.config.packing import check_pack
from ganjax.config.program import Program
from ganjax.look.evaluate import Evaluator
from ganjax.look.restore import restore
from ganjax.look.sampling import Choice, write_choice
from ganjax.parallel import Layout
from ganjax.record.progress import Progress
from ganjax.report import RunError
from ganjax.state import TrainState
from ganjax.training import memory
from ganjax.training.chunks import Chunk, chunks
from ganjax.training.folder import alone, check_run, say_preempted
from ganjax.training.identity import check_data, describe_data
from ganjax.training.inherit import Inherited, inherit
from ganjax.training.journal import (
    opening,
    write_comparison,
    write_environment,
    write_evaluation,
    write_report,
    write_samples,
)
from ganjax.training.member import Member, OnRecord, told
from ganjax.training.rehearsal import rehearse
from ganjax.training.together import check_alike

Config = Mapping[str, Any]
Run = tuple[Program, Path]  # and its folder

_EXITS = {
    "preempted": Exit.STOPPED,
    "diverged": Exit.DIVERGED,
    "done": Exit.DONE,
    "paused": Exit.DONE,
}

AGAIN = "run the same command again to resume"
PAUSED = "paused as --until says; a later one, or none, goes on"


def run(
    program: Program,
    folder: Path,
    mode: str,
    choice: Mapping[str, Any] | None = None,
    stop: StopRequest | None = None,
    on_record: OnRecord | None = None,
    until: int | None = None,
) -> int:
    """Trains, evaluates, samples or exports a run, and returns the exit code.

    Args:
      program: the validated config, and the parts that it names.
      folder: of the run; training makes it, or resumes what it finds there.
      mode: "train", "evaluate", "sample" or "export".
      choice: of samples, fields of a `Choice`; by default as at the end of a training.
      stop: what tells this process to save and end; by default nothing does.
      on_record: is called with the step and the metrics of each record of a training.
      until: a step at which the training pauses, evaluated and saved.

    Raises:
      ConfigError: the folder belongs to another run, has nothing to look at, or cannot
        be read or written; or there is nothing to sample or to export.
      MachineError: the machine failed at it, as by a full disk.
    """
    keep_compiled_programs()
    try:
        is_first = jax.process_index() == 0  # of several, which sees to the folder
        if is_first:
            check_run(program, folder, mode)
        if mode == "train":
            with alone(program, folder) if is_first else nullcontext():
                lay_out = lambda _: build_layout(program.config)  # noqa: E731
                made = _make([(program, folder)], lay_out, on_record)
                return _train(made, stop or StopRequest(), until)
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
        raise told(error, folder) from error


def run_pack(
    runs: Sequence[Run],
    stop: StopRequest,
    compared: Path | None = None,
    until: int | None = None,
) -> int:
    """Trains runs in one program, and returns the exit code of the least lucky.

    Each has the folder that it has when it is trained alone, where it goes on; they may
    stand at different steps. Where they do not fit into memory together they are
    trained in parts. One that diverges is left as it is, and the others go on.

    Args:
      runs: programs that differ in the seed and in traced numbers alone, with folders.
      stop: what tells this process to save and end.
      compared: a folder to which a page goes that compares them, once all have ended.
      until: a step at which they pause, evaluated and saved.

    Raises:
      ConfigError: as of `run`, or runs that share no program.
      MachineError: as of `run`.
    """
    keep_compiled_programs()
    check_pack([program.config for program, _ in runs])
    _allow_files()
    try:
        for program, folder in runs:
            check_run(program, folder, "train")
        with ExitStack() as locks:
            for program, folder in runs:
                locks.enter_context(alone(program, folder))
            lay_out = partial(build_pack_layout, runs[0][0].config)
            code = _train(_make(runs, lay_out), stop, until)
            if compared and code != Exit.STOPPED:
                write_comparison(compared, [folder for _, folder in runs])
            return code
    except (CheckpointError, OSError, RunError) as error:
        raise told(error) from error


def _allow_files() -> None:
    """Raises the limit of open files, of which each run has some."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _Made(NamedTuple):
    """What a training works with, made and checked before anything is written."""

    members: list[Member]
    lay_out: Callable[[int], Layout]  # so many runs
    most: int  # that are trained at once


def _look(
    program: Program,
    folder: Path,
    writers: tuple[Callable, ...],
    trained: Member | None = None,
) -> list[str]:
    """Restores the newest state and lets each writer write what it makes of it.

    After a training with what was made for it, whose programs are compiled already.
    Returns the probes whose outputs were not finite, in the first process.
    """
    config = program.config
    made = trained.setup if trained else None
    setup, *restored = restore(config, folder, made, program.catalogue)
    if jax.process_index() > 0:
        return []
    evaluator = (trained and trained.evaluator) or Evaluator(setup)
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


def _make(
    runs: Sequence[Run],
    lay_out: Callable[[int], Layout],
    on_record: OnRecord | None = None,
) -> _Made:
    program, _ = runs[0]
    config = program.config
    setup = build_setup(config, program.catalogue)
    samples = config["evaluation"]["samples"]
    most = memory.most_at_once(setup, samples, len(runs), lay_out)
    data = describe_data(setup.source)
    check_alike(data)
    for _, folder in runs:
        check_data(folder, data)
    evaluator = Evaluator(setup) if jax.process_index() == 0 else None
    if evaluator and program.has_own_parts:
        rehearse(setup, choose(config, program.catalogue), evaluator)
    members = []
    writer = ThreadPoolExecutor(1, thread_name_prefix="save")
    for program, folder in runs:
        own = setup.like(program.config)
        look = evaluator and evaluator.like(own)
        first = _first_state(program.config, folder, own)
        members.append(
            Member(program, folder, own, look, first, data, writer, on_record)
        )
    return _Made(members, lay_out, most)


def _first_state(config: Config, folder: Path, setup: Setup) -> Inherited:
    """The state before the first step: new, or another run's until one is saved."""
    fresh = jax.device_get(setup.init())
    begun = any(path.name.isdecimal() for path in (folder / "checkpoints").glob("*"))
    if begun or not config["init_from"]:
        return Inherited(fresh, {})
    return inherit(config["init_from"], config["init_players"], fresh)


def _train(made: _Made, stop: StopRequest, pause: int | None) -> int:
    """Trains and evaluates what was made; returns the exit code."""
    members = made.members
    steps = members[0].program.config["steps"]
    last = min(pause or steps, steps)

    def last_words() -> None:
        for member in members:
            if member.ending is None or len(members) == 1:
                name = f"{member.folder}: " if len(members) > 1 else ""
                say_preempted(member.folder, AGAIN, name)

    stop.last_words = last_words
    errors: list[Exception] = []
    with ExitStack() as opened:
        with stop.put_off():
            for member in members:
                with member.naming():
                    opened.enter_context(member)
                if last < member.step < steps:
                    member.end("paused", PAUSED)
        group = [member for member in members if member.ending]
        while True:
            for member in group:
                with member.naming():
                    member.settle()
            for member in group:
                if member.ending:
                    _conclude(member, stop, errors, len(members) > 1)
            left = [member for member in members if member.ending is None]
            if not left:
                break
            with stop.put_off():
                group, until = _next(left, made.most, last)
                layout = made.lay_out(len(group))
                if _advance(group, until, last, layout, stop):
                    group = left
                    for member in left:
                        if member.ending is None:
                            member.end("preempted", AGAIN)
    if errors:
        raise errors[0]
    endings = {member.ending for member in members}
    return next(code for ending, code in _EXITS.items() if ending in endings)


def _next(left: Sequence[Member], most: int, last: int) -> tuple[list[Member], int]:
    """Who is trained next, up to which step, at most the `last`.

    Those that are behind, as after a kill while some had saved and others not, first
    come up to the others.
    """
    steps = sorted({member.step for member in left})
    until = min([last, *steps[1:2]])
    return [member for member in left if member.step == steps[0]][:most], until


def _advance(
    members: Sequence[Member], until: int, last: int, layout: Layout, stop: StopRequest
) -> bool:
    """Trains members up to a step; returns whether they were told to stop before.

    Those that come to the `last` step have ended.
    """
    first, step = members[0], members[0].step
    config = first.program.config
    pack = _describe(layout)
    with ExitStack() as opened:
        journals = [opened.enter_context(member.journal()) for member in members]
        if first.evaluator and step < until:
            for member in members:
                with member.naming():
                    write_environment(member.folder, pack)
            line = opening(config, first.evaluator, first.state, step, pack)
            print(line, file=sys.stderr, flush=True)
        progress = Progress(config["steps"], start=step)
        if journals[0]:
            opened.enter_context(progress)
        for member in members:
            with member.naming():
                member.catch_up()
        if stop.requested:
            return True

        def stops(step: int) -> bool:
            return stop.requested or first.saved.reached_preemption()

        setups = [member.setup for member in members]
        states = [member.state for member in members]
        for chunk in chunks(config, setups, states, layout, until, stops):
            step = chunk.step
            for index, member in enumerate(members):
                if member.ending is None:
                    with member.naming():
                        member.take(chunk, index)
            if journals[0]:
                progress.update(step, _shown(members, chunk))
            if all(member.ending for member in members):
                return False
        if step < until:
            return True
        for member in members:
            if member.ending is None and step >= last:
                member.finish(PAUSED)
    return False


def _describe(layout: Layout) -> str:
    if not layout.members:
        return ""
    ways = {"map": "one after another (lax.map)", "vmap": "together (vmap)"}
    devices = len(layout.devices)
    words = f"pack of {layout.members} on {devices} device{'s' * (devices > 1)}"
    return f"{words}, {ways[layout.mapping]}"


def _shown(members: Sequence[Member], chunk: Chunk) -> dict[str, float]:
    """Losses of the run; of a pack their means, and how many runs live."""
    of_living = [
        chunk.metrics[index]
        for index, member in enumerate(members)
        if member.ending is None
    ] or chunk.metrics
    losses = {
        name: float(np.mean([metrics[name] for metrics in of_living]))
        for name in of_living[0]
        if name.endswith("/loss")
    }
    return losses if len(members) == 1 else {"runs": len(of_living)} | losses


def _conclude(
    member: Member, stop: StopRequest, errors: list[Exception], is_one_of_several: bool
) -> None:
    """Evaluates a run that is done; writes how it ended, and its page."""
    if member.ending == "paused" and stop.requested:  # while it was evaluated
        member.end("preempted", AGAIN)
    if member.ending == "done":
        stop.check()
        try:
            lost = _look(
                *(member.program, member.folder),
                (write_evaluation, write_samples),
                member,
            )
        except Exception as error:
            member.status("failed", f"{type(error).__name__}: {error}")
            errors.append(error)  # the others have an end too
            return
        if lost and member.program.config["non_finite"] == "stop":
            member.ending = "diverged"
            member.message = f"{', '.join(lost)} of the last state not finite"
    if jax.process_index() == 0:
        with stop.put_off():
            # Only now: who reads "done" may rely on the evaluation.
            # Whoever reads a paused run may resume it, as one that was preempted.
            state = "preempted" if member.ending == "paused" else member.ending
            member.status(state or "", member.message)
            line = f"{member.ending} at step {member.step}"
            line += f": {member.message}" if member.message else ""
            print(f"{member.folder}: {line}" if is_one_of_several else line)
            write_report(member.folder)

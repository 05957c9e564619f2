"""Many steps per dispatch, of one run or of several at once: what the devices do."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ganjax.build import Setup
from ganjax.parallel import Layout
from ganjax.state import TrainState, part, stack
from ganjax.types import Terms

Config = Mapping[str, Any]


class Chunk(NamedTuple):
    """What one dispatch of several steps did, to each of the runs that took them."""

    before: int
    step: int
    seconds: float  # of a device, for each run
    metrics: list[dict[str, float]]  # means over the steps
    skipped: list[dict[str, int]]  # updates that were not finite since the run began
    is_last: bool  # that is taken now: here they are told to stop, or at the end
    states: list[TrainState] | None  # on the host, where something is made of them


class _Sent(NamedTuple):
    """A chunk that was dispatched; the next dispatch takes its `placed` state."""

    before: int
    step: int
    began: float
    ended: Future[float]
    metrics: Terms
    skipped: dict[str, Array]
    placed: TrainState


def chunks(
    config: Config,
    setups: Sequence[Setup],
    states: Sequence[TrainState],
    layout: Layout,
    until: int,
    stops: Callable[[int], bool],
) -> Iterator[Chunk]:
    """Trains runs up to step `until` and hands over one chunk after another.

    When it does the next one is dispatched already, so the devices go on while the host
    records, saves and draws. After a chunk where the runs `stops` nothing is.

    Args:
      config: of any of the runs; all have the same cadences.
      setups: of the runs, of which the first makes the step and has the data of all.
      states: on the host, all after the same step.
      layout: of as many runs.
      until: at most the last step of the config.
      stops: whether the runs are told to stop after a step.
    """
    share = len(layout.devices) / layout.members if layout.members else 1.0
    sent = _send(config, setups, states, layout, until)
    this, last = next(sent, None), 0.0
    while this is not None:
        before, step, began, ended = this[:4]
        due = step == until or _is_anything_due(config, before, step)
        if due:
            ended.result()  # the run may be told to stop until then
        is_last = stops(step) or step == until
        placed = layout.fetch(this.placed) if due or is_last else None
        ahead = None if is_last else next(sent, None)
        seconds = share * (ended.result() - max(began, last))
        yield Chunk(
            before,
            step,
            seconds,
            _parted(layout, jax.device_get(this.metrics)),
            _parted(layout, layout.fetch(this.skipped)),
            is_last,
            None if placed is None else _parted(layout, placed),
        )
        this, last = ahead, ended.result()


def _send(
    config: Config,
    setups: Sequence[Setup],
    states: Sequence[TrainState],
    layout: Layout,
    until: int,
) -> Iterator[_Sent]:
    """Dispatches the steps that are left, up to `record.every` of them at a time."""
    every, step, first = config["record"]["every"], int(states[0].step), setups[0]
    advance = layout.compile(first.make_step(layout.axis_name))
    data = layout.place_data(first.source.arrays)
    numbers = layout.place_numbers([setup.numbers for setup in setups])
    placed = layout.place(stack(states) if layout.members else states[0])
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="wait") as waiting:
        while step < until:
            count = min(every - step % every, until - step)
            began = time.perf_counter()
            placed, metrics = advance(placed, numbers, data, count)
            skipped = jax.tree.map(jnp.copy, placed.skipped)
            ended = waiting.submit(_end, metrics)
            before, step = step, step + count
            yield _Sent(before, step, began, ended, metrics, skipped, placed)


def _end(metrics: Terms) -> float:
    """When they were computed, however late the host looks at them."""
    jax.block_until_ready(metrics)
    return time.perf_counter()


def _parted(layout: Layout, tree: Any) -> list[Any]:
    """What is of each run."""
    if not layout.members:
        return [tree]
    return [part(tree, member) for member in range(layout.members)]


def _is_anything_due(config: Config, before: int, step: int) -> bool:
    """Whether something is made of the state after `step`, as of the last."""
    record, evaluation = config["record"], config["evaluation"]
    cadences = record["checkpoint_every"], record["pictures_every"], evaluation["every"]
    return any(is_due(before, step, config["steps"], cadence) for cadence in cadences)


def is_due(before: int, step: int, steps: int, cadence: int) -> bool:
    """Whether a chunk crossed a multiple of `cadence`, or is the last; 0 is never."""
    crossed = cadence > 0 and step // cadence > before // cadence
    return crossed or (cadence > 0 and step == steps)

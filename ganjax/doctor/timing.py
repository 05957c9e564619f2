"""How long a call takes."""

import time
from collections.abc import Callable
from typing import Any

import jax

from ganjax.parallel import Advance
from ganjax.state import TrainState
from ganjax.types import Tree


def best(call: Callable[[], Any], seconds: float) -> float:
    """The least seconds of calls that go on for so long, after one that compiles."""
    jax.block_until_ready(call())
    taken: list[float] = []
    while len(taken) < 2 or sum(taken) < seconds:
        began = time.perf_counter()
        jax.block_until_ready(call())
        taken.append(time.perf_counter() - began)
    return min(taken)


def of_steps(
    advance: Advance,
    state: TrainState,
    numbers: Tree,
    data: Tree,
    count: int,
    seconds: float,
) -> float:
    """The least seconds of a step, by dispatches of `count` that go on for so long."""

    def call() -> Any:
        nonlocal state
        state, _ = advance(state, numbers, data, count)
        return state.step

    return best(call, seconds) / count

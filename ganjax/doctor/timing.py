"""How long calls take."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax

from ganjax.parallel import Advance
from ganjax.state import TrainState
from ganjax.types import Tree

Call = Callable[[], Any]


def in_turns(calls: Sequence[Call], seconds: float) -> list[float]:
    """The least seconds of each call, after one that compiles.

    They take turns, for so many seconds each, so that whatever else the machine does
    meets all of them alike.
    """
    for call in calls:
        jax.block_until_ready(call())
    least, spent, turns = [math.inf] * len(calls), 0.0, 0
    while turns < 2 or spent < seconds * len(calls):
        for index, call in enumerate(calls):
            began = time.perf_counter()
            jax.block_until_ready(call())
            taken = time.perf_counter() - began
            least[index], spent = min(least[index], taken), spent + taken
        turns += 1
    return least


def stepping(
    advance: Advance, state: TrainState, numbers: Tree, data: Tree, count: int
) -> Call:
    """A call that goes on by `count` steps each time."""

    def call() -> Any:
        nonlocal state
        state, _ = advance(state, numbers, data, count)
        return state.step

    return call

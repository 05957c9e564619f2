"""The state of a run: arrays only, so that it donates, saves, scans and vmaps."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ganjax.keys import Purpose, purpose_key
from ganjax.types import Parts, Tree


class TrainState(NamedTuple):
    """All that a run needs to resume, and all that a checkpoint holds.

    Dictionaries are keyed by player. `step` belongs to a whole population of runs,
    every other field to one member.
    """

    step: Array  # int32 []
    seed: Array  # uint32 []
    params: dict[str, Tree]
    mutable: dict[str, Tree]  # every collection that no gradient moves
    optimizer: dict[str, Any]
    average: dict[str, Tree]  # moving averages of params, see `average_decay`
    skipped: dict[str, Array]  # int32 [], updates that were not finite


def init_state(parts: Parts, seed: Array | int) -> TrainState:
    """A run's state before its first step."""
    variables = parts.game.init(purpose_key(seed, Purpose.INIT))
    params = {player: tree["params"] for player, tree in variables.items()}
    mutable = {
        player: {name: tree for name, tree in trees.items() if name != "params"}
        for player, trees in variables.items()
    }
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        seed=jnp.asarray(seed, jnp.uint32),
        params=params,
        mutable=mutable,
        optimizer={
            player: optimizer.init(params[player])
            for player, optimizer in parts.optimizers.items()
        },
        average={player: params[player] for player in parts.average},
        skipped={player: jnp.zeros((), jnp.int32) for player in parts.optimizers},
    )


def own(state: TrainState) -> dict[str, Any]:
    """The fields that are one member's: all but the step."""
    return {name: x for name, x in state._asdict().items() if name != "step"}


def stack(states: Sequence[TrainState]) -> TrainState:
    """Host states of members after the same step, as one with a leading axis."""
    stacked = jax.tree.map(lambda *x: np.stack(x), *map(own, states))
    return TrainState(step=states[0].step, **stacked)


def part(tree: Tree, member: int) -> Any:
    """One member's part of what has a leading axis of them; scalars are everyone's."""
    return jax.tree.map(lambda leaf: leaf[member] if np.ndim(leaf) else leaf, tree)


def all_finite(tree: Tree) -> Array:
    """Whether each number of each array is finite, as it is where there is none."""
    leaves = [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]
    return jnp.array(leaves, bool).all()


def count_not_finite(state: TrainState) -> TrainState:
    """Adds 1 to `skipped` of each player of whose slices some number is not finite.

    What is once not finite in a state mostly remains so, or makes the next loss so. So
    the step itself need not look at each number: it is enough to look after many steps.
    """
    skipped = {}
    for player, count in state.skipped.items():
        own = (state.params, state.mutable, state.optimizer, state.average)
        finite = all_finite([by_player.get(player) for by_player in own])
        skipped[player] = count + jnp.where(finite, 0, 1)
    return state._replace(skipped=skipped)


def averaged_variables(state: TrainState) -> dict[str, dict[str, Tree]]:
    """Every player's variables with averaged parameters where there are any."""
    return {
        player: {"params": state.average.get(player, params), **state.mutable[player]}
        for player, params in state.params.items()
    }


def average_decay(decay: Array | float, step: Array | int) -> Array:
    """min(decay, (1 + t) / (10 + t)): the decay of a moving average in step t, from 0.

    So the average of a run's beginning is over its last tenth and not of weights that
    were never trained: at decay d until (10 d - 1) / (1 - d) steps, 8,990 of 0.999. The
    player that moves in several rounds of a step takes it in each.

    TensorFlow's `ExponentialMovingAverage`, with `num_updates`.
    """
    return jnp.minimum(decay, (1.0 + step) / (10.0 + step))

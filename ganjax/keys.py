"""Random keys: the one place that says how a number follows from the run's seed.

Every random number of a run is a function of (seed, purpose, step, round, global
example index), so neither the layout over devices nor a stop changes it. Checkpoints
freeze this file: another order of folds is another run.
"""

import zlib
from enum import IntEnum

import jax
import numpy as np
from jax import Array

from ganjax.threefry import THREEFRY


class Purpose(IntEnum):
    """What a key is for; two purposes never share one."""

    INIT = 0
    DATA = 1
    PLAY = 2
    PENALTY = 3
    PROBE = 4


def purpose_key(seed: Array | int, purpose: Purpose) -> Array:
    """The key from which all keys of one purpose follow."""
    return jax.random.fold_in(jax.random.key(seed, impl=THREEFRY), purpose)


def example_keys(
    key: Array, step: Array | int, round: Array | int, index: Array
) -> Array:
    """One key `[B]` for each global example index `[B]` of one round of one step."""
    key = jax.random.fold_in(jax.random.fold_in(key, step), round)
    return jax.vmap(jax.random.fold_in, (None, 0))(key, index)


def fold(keys: Array, use: int | np.uint32) -> Array:
    """New keys `[B]` from `keys [B]`, for one of several uses of the same examples."""
    return jax.vmap(jax.random.fold_in, (0, None))(keys, use)


def fold_name(keys: Array, name: str) -> Array:
    """New keys `[B]` for a use with a name, the same whatever other uses there are."""
    return fold(keys, np.uint32(zlib.crc32(name.encode())))

"""The mapped axis of devices, where there is one: the batch is that of all devices.

`axis_name` is its name under `pmap` or `shard_map`, or `None` where one device holds
the whole batch.
"""

import jax
import jax.numpy as jnp
from jax import Array

from ganjax.types import Tree


def mean_over(tree: Tree, axis_name: str | None) -> Tree:
    """The mean of each array over the devices."""
    return tree if axis_name is None else jax.lax.pmean(tree, axis_name)


def device_count(axis_name: str | None) -> int:
    """How many devices share the batch."""
    return 1 if axis_name is None else jax.lax.axis_size(axis_name)


def example_index(local: int, axis_name: str | None) -> Array:
    """Global indices `[local]` of this device's examples."""
    if axis_name is None:
        return jnp.arange(local)
    return jax.lax.axis_index(axis_name) * local + jnp.arange(local)

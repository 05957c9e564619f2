"""What stands for data that is not at hand."""

import jax.numpy as jnp
from jax import Array

from ganjax.types import Batch, Source, Tree


def absent(
    shape: tuple[int, ...], *, classes: int, class_names: tuple[str, ...]
) -> Source:
    """A source of the data's shapes whose examples are all zero.

    Networks can be built for it, and what reads no example is what it would be.

    Args:
      shape: of one example.
      classes: of their labels; 0 where there are none.
      class_names: by label, where the classes have names.
    """

    def batch(
        arrays: Tree,
        key: Array,
        step: Array | int,
        round: Array | int,
        index: Array,
    ) -> Batch:
        count = index.shape[0]
        real = jnp.zeros((count, *shape), jnp.float32)
        if not classes:
            return Batch(real)
        label = jnp.zeros(count, jnp.int32)
        return Batch(real, label=label, is_labelled=jnp.ones(count, bool))

    return Source({}, batch, classes, class_names)

"""Half precision is for networks: whatever is computed of their outputs is widened.

float16 ends at 65,504, so that the square of 256 is infinite, and bfloat16 keeps 8 bits
of what is added up.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array


def widen(values: Array) -> Array:
    """Half precision as float32; float32 and float64 as they are."""
    values = jnp.asarray(values)  # NumPy's float64 is float32 here, without a warning
    return values.astype(jnp.promote_types(values.dtype, jnp.float32))


def mean(values: Array, axis: int | None = None) -> Array:
    """The mean over `axis`, or over all axes, in float32 (float64 for float64).

    Raises:
      ValueError: there are no values, as of a batch of 0 examples.
    """
    # A mean of many half-precision numbers must not be summed in half precision.
    return jnp.mean(_some(widen(values)), axis)


def expectation(function: Callable[..., Array], *values: Array) -> Array:
    """E function(values), of values that are widened before the function, not after."""
    return mean(function(*map(widen, values)))


def by_example(values: Array) -> Array:
    """`[B, ...]` as `[B, features]`, in float32 (float64 for float64).

    Raises:
      ValueError: there are no values, as of a batch of 0 examples.
    """
    return _some(widen(values)).reshape(len(values), -1)


def sum_by_example(values: Array) -> Array:
    """The sum of each example's features, `[B]` of `[B, ...]`, widened like `mean`."""
    each = by_example(values)
    # As a product: a reduction would first have all that it adds up written to memory.
    ones = jnp.ones(each.shape[1:], each.dtype)
    return jnp.matmul(each, ones, precision="highest")


def _some(values: Array) -> Array:
    if not values.size:
        raise ValueError(f"a batch of 0 examples has no mean: {values.shape}")
    return values

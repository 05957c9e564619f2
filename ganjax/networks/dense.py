"""Linear layers that are fast on a CPU, where the order of operands in memory counts.

XLA's product of a few rows with a kernel that leaves the cache is half as fast on a CPU
as that of the transposed rows, if they lie so in memory; and so are its derivatives.
With many rows only the kernel's gradient is faster so.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array, lax

# Elsewhere the other order costs more than it saves: 1.6 times as fast for 32 rows and
# 3072 x 1024, with both gradients, but 0.97 for 100 rows and 784 x 200.
_LARGE, _FEW = 2**16, 64
# The kernel's gradient alone: 1.3 times as fast for 256 rows and 128 x 128, 1.02 for
# 784 x 256; with 128 rows 1.01, with 100 rows 0.87 to 1.09; of one column 0.17.
_MANY = 256


def product(inputs: Array, kernel: Array, *how: Any, **precision: Any) -> Array:
    """[..., K] by [K, N] to [..., N], as `nn.Dense` asks `lax.dot_general` for it."""

    def plain(inputs: Array, kernel: Array) -> Array:
        return lax.dot_general(inputs, kernel, *how, **precision)

    def transposed(inputs: Array, kernel: Array) -> Array:
        # Without the barrier XLA would turn them back.
        columns = lax.optimization_barrier(jnp.moveaxis(inputs, -1, 0))
        return lax.dot_general(columns, kernel, (((0,), (0,)), ((), ())), **precision)

    @jax.custom_jvp
    def turned_for_the_kernel(inputs: Array, kernel: Array) -> Array:
        return plain(inputs, kernel)

    @turned_for_the_kernel.defjvp
    def _tangent(
        at: tuple[Array, Array], by: tuple[Array, Array]
    ) -> tuple[Array, Array]:
        (inputs, kernel), (inputs_by, kernel_by) = at, by
        by_inputs = turned_for_the_kernel(inputs_by, kernel)
        # Backwards only the transpose of this runs: columns by what comes down.
        by_kernel = transposed(inputs, kernel_by)
        return turned_for_the_kernel(inputs, kernel), by_inputs + by_kernel

    if not isinstance(inputs.size, int):  # left open, as in an exported program
        return plain(inputs, kernel)
    rows = inputs.size // inputs.shape[-1]
    if kernel.size >= _LARGE and rows <= _FEW:
        on_cpu = transposed
    elif kernel.shape[1] > 1 and rows >= _MANY:
        on_cpu = turned_for_the_kernel
    else:
        return plain(inputs, kernel)
    return lax.platform_dependent(inputs, kernel, cpu=on_cpu, default=plain)


def dense(units: int, **keywords: Any) -> nn.Dense:
    """`nn.Dense`, by `product`."""
    return nn.Dense(units, dot_general=product, **keywords)

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
# The kernel's gradient: 1.3 times as fast for 256 rows and 128 x 128, 1.0 to 1.2 for
# 784 x 256 and 1024 x 512; 1.0 for 128 rows, and less for 100.
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
    def mixed(inputs: Array, kernel: Array) -> Array:
        return plain(inputs, kernel)

    @mixed.defjvp
    def _tangent(
        at: tuple[Array, Array], by: tuple[Array, Array]
    ) -> tuple[Array, Array]:
        (inputs, kernel), (inputs_by, kernel_by) = at, by
        moved = mixed(inputs_by, kernel) + transposed(inputs, kernel_by)
        return mixed(inputs, kernel), moved

    # A batch whose size is left open, as in an exported program, is neither.
    rows = inputs.size // inputs.shape[-1] if isinstance(inputs.size, int) else None
    if rows is None:
        return plain(inputs, kernel)
    if kernel.size >= _LARGE and rows <= _FEW:
        on_cpu = transposed
    elif kernel.shape[1] > 1 and rows >= _MANY:
        on_cpu = mixed
    else:
        return plain(inputs, kernel)
    return lax.platform_dependent(inputs, kernel, cpu=on_cpu, default=plain)


def dense(units: int, **keywords: Any) -> nn.Dense:
    """`nn.Dense`, by `product`."""
    return nn.Dense(units, dot_general=product, **keywords)

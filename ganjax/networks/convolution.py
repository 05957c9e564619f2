"""Convolutions that are fast on a CPU, forwards and backwards, inside `scan` too.

XLA on a CPU is slow, by 20 times and more, in two places to which the derivatives of
its convolution lead: the weight gradient of an input-dilated convolution, and, inside
a loop, any convolution whose dimensions are not in the order NHWC, HWIO -> NHWC.
Neither occurs here. A convolution C, its adjoint T (the transposed convolution) and
its weight gradient W are three views of one form, trilinear in x [B, H, W, C],
k [kh, kw, C, O] and y [B, H', W', O],

    <C(x, k), y> = <x, T(y, k)> = <k, W(x, y)>
        = sum x[b, s h + d i - p, s w + d j - p, c] k[i, j, c, o] y[b, h, w, o],

with strides s, dilation d, padding p and zeros outside x. So the derivatives of each
are the other two, to any order: a gradient penalty is as fast. Backends without these
cliffs are given the dimension orders of lax's own derivatives.

Reverse mode only: `jax.jvp` and `jax.jacfwd` raise a TypeError.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import Array, lax

Pair = tuple[int, int]
Padding = Literal["SAME", "VALID"] | tuple[Pair, Pair]

_CANONICAL = ("NHWC", "HWIO", "NHWC")
# XLA's transposed convolution writes all windows before it adds them up, 2.5 times
# slower where they leave the cache, and a weight gradient is 1.5 times slower where it
# sums over many positions at once. Parts of less than this cost more than they save.
_LEAST_VALUES, _LEAST_POSITIONS = 2**21, 700


class _Geometry(NamedTuple):
    """Where windows lie: size + padding = stride (count - 1) + dilation (k - 1) + 1."""

    strides: tuple[int, ...]
    padding: tuple[Pair, ...]
    dilation: tuple[int, ...]
    adjoint: tuple[Pair, ...]  # padding of y when T is a convolution of it


def _fit(
    size: Pair, window: Pair, strides: Pair, padding: Padding, dilation: Pair
) -> tuple[_Geometry, tuple[int, ...]]:
    """The geometry of windows on an image of this size, and their count (H', W')."""
    reach = [d * (k - 1) for d, k in zip(dilation, window, strict=True)]
    padded: Iterable[Pair] = (
        padding
        if not isinstance(padding, str)
        else (lax.padtype_to_pads(size, [r + 1 for r in reach], strides, padding))
    )
    count, exact, adjoint = [], [], []
    for n, r, s, (low, high) in zip(size, reach, strides, padded, strict=True):
        count.append((n + low + high - r - 1) // s + 1)
        # Padding that no window reaches is cut off, so that sizes fit exactly.
        high = s * (count[-1] - 1) + r + 1 - n - low
        exact.append((low, high))
        adjoint.append((r - low, r - high))
    if min(count) < 1:
        raise ValueError(
            f"a kernel of {tuple(window)}, dilated by {tuple(dilation)}, does not fit "
            f"on images of {tuple(size)}, padded by {tuple(padded)}"
        )
    geometry = _Geometry(tuple(strides), tuple(exact), tuple(dilation), tuple(adjoint))
    return geometry, tuple(count)


def _turn(kernel: Array) -> Array:
    return jnp.flip(kernel, (0, 1)).swapaxes(2, 3)


def _in_parts(
    function: Callable[..., Array], size: int, least: int, *batched: Array
) -> Array:
    """The function of equal parts of the batch, [parts, ...].

    `size` is the batch's, and `least` a part's, in the same unit.
    """
    batch = len(batched[0])
    most = min(batch, size // least)
    parts = max((n for n in range(1, most + 1) if batch % n == 0), default=1)
    if parts == 1:
        return function(*batched)[None]
    split = [x.reshape(parts, batch // parts, *x.shape[1:]) for x in batched]
    return lax.map(lambda part: function(*part), tuple(split))


def _lax_transpose(geometry: _Geometry, outputs: Array, kernel: Array) -> Array:
    strides, _, dilation, padding = geometry
    kernel, order = lax.rev(kernel, (0, 1)), ("NHWC", "HWOI", "NHWC")
    return lax.conv_general_dilated(
        outputs, kernel, (1, 1), padding, strides, dilation, order
    )


def _cpu_transpose(geometry: _Geometry, outputs: Array, kernel: Array) -> Array:
    strides, _, dilation, padding = geometry

    def part(outputs: Array) -> Array:
        return lax.conv_general_dilated(
            outputs, _turn(kernel), (1, 1), padding, strides, dilation, _CANONICAL
        )

    if strides == (1, 1):
        return part(outputs)
    values = outputs.size * kernel.size // kernel.shape[3]
    parts = _in_parts(part, values, _LEAST_VALUES, outputs)
    return parts.reshape(-1, *parts.shape[2:])


def _lax_weights(geometry: _Geometry, inputs: Array, outputs: Array) -> Array:
    strides, padding, dilation, _ = geometry
    order = ("CHWN", "IHWO", "HWNC")
    return lax.conv_general_dilated(
        inputs, outputs, dilation, padding, (1, 1), strides, order
    )


def _cpu_weights(geometry: _Geometry, inputs: Array, outputs: Array) -> Array:
    strides, padding, dilation, adjoint = geometry
    if strides == (1, 1) and inputs.shape[3] > outputs.shape[3]:
        # The same sums with the roles exchanged: windows of fewer channels are read.
        exchanged = geometry._replace(padding=adjoint, adjoint=padding)
        return _turn(_cpu_weights(exchanged, outputs, inputs))

    def part(inputs: Array, outputs: Array) -> Array:
        inputs, outputs = inputs.transpose(3, 1, 2, 0), outputs.transpose(1, 2, 0, 3)
        return lax.conv_general_dilated(
            inputs, outputs, dilation, padding, (1, 1), strides, _CANONICAL
        ).transpose(1, 2, 0, 3)

    positions = outputs.size // outputs.shape[3]
    return jnp.sum(_in_parts(part, positions, _LEAST_POSITIONS, inputs, outputs), 0)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _convolve(geometry: _Geometry, inputs: Array, kernel: Array) -> Array:
    strides, padding, dilation, _ = geometry
    return lax.conv_general_dilated(
        inputs, kernel, strides, padding, (1, 1), dilation, _CANONICAL
    )


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _transpose(geometry: _Geometry, outputs: Array, kernel: Array) -> Array:
    cpu, other = (partial(f, geometry) for f in (_cpu_transpose, _lax_transpose))
    return lax.platform_dependent(outputs, kernel, cpu=cpu, default=other)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _weights(geometry: _Geometry, inputs: Array, outputs: Array) -> Array:
    cpu, other = (partial(f, geometry) for f in (_cpu_weights, _lax_weights))
    return lax.platform_dependent(inputs, outputs, cpu=cpu, default=other)


def _saving(function: Callable[..., Array]) -> Callable[..., Any]:
    return lambda geometry, *operands: (function(geometry, *operands), operands)


_convolve.defvjp(
    _saving(_convolve),
    lambda at, xk, y: (_transpose(at, y, xk[1]), _weights(at, xk[0], y)),
)
_transpose.defvjp(
    _saving(_transpose),
    lambda at, yk, x: (_convolve(at, x, yk[1]), _weights(at, x, yk[0])),
)
_weights.defvjp(
    _saving(_weights),
    lambda at, xy, k: (_transpose(at, xy[1], k), _convolve(at, xy[0], k)),
)


def _aligned(*operands: Array) -> list[Array]:
    """Operands that vary over the same axes of a `shard_map`, as the rules assume.

    The gradient of weights that all devices share is so the sum of the devices'.
    """
    varying = [jax.typeof(x).manual_axis_type.varying for x in operands]
    missing = [frozenset().union(*varying) - own for own in varying]
    return [
        lax.pcast(x, tuple(sorted(axes, key=str)), to="varying")
        for x, axes in zip(operands, missing, strict=True)
    ]


def convolve(
    inputs: Array,
    kernel: Array,
    *,
    strides: Pair = (1, 1),
    padding: Padding = "SAME",
    dilation: Pair = (1, 1),
) -> Array:
    """C(x, k) of the module's docstring: y[h] = sum_i x[s h + d i - p] k[i].

    Inputs [B, H, W, C] and a kernel [kh, kw, C, O] to [B, H', W', O], as
    `lax.conv_general_dilated`. Padding is ((top, bottom), (left, right)) or its name.
    """
    size, window = inputs.shape[1:3], kernel.shape[:2]
    geometry, _ = _fit(size, window, strides, padding, dilation)
    return _convolve(geometry, *_aligned(inputs, kernel))


def convolve_transpose(
    inputs: Array,
    kernel: Array,
    *,
    size: Pair,
    strides: Pair = (1, 1),
    padding: Padding = "SAME",
    dilation: Pair = (1, 1),
) -> Array:
    """T(y, k) of the module's docstring: y[h] k[i] is added to x[s h + d i - p].

    Inputs [B, H', W', O] and a kernel [kh, kw, C, O] to [B, *size, C]: the transpose of
    `convolve` from images of `size`. All sizes that it takes to (H', W') fit: with
    strides of 2 and "SAME", both 13 and 14 for H' = 7.

    PyTorch's ConvTranspose2d, of weights [O, C, kh, kw], makes the size
    s (H' - 1) - 2 p + d (kh - 1) + output_padding + 1. `lax.conv_transpose` with
    transpose_kernel=True makes s H' for "SAME", s H' + max(kh - s, 0) for "VALID".
    """
    window = kernel.shape[:2]
    geometry, count = _fit(size, window, strides, padding, dilation)
    if count != inputs.shape[1:3]:
        raise ValueError(
            f"size {tuple(size)} fits inputs of {count}, not of {inputs.shape[1:3]}"
        )
    return _transpose(geometry, *_aligned(inputs, kernel))


def _layer(
    module: "Convolution | TransposedConvolution",
    function: Callable[..., Array],
    inputs: Array,
) -> Array:
    shape = (*module.kernel_size, inputs.shape[-1], module.features)
    kernel = module.param("kernel", module.kernel_init, shape, jnp.float32)
    inputs, kernel = promote_dtype(inputs, kernel)
    outputs = function(inputs, kernel, strides=module.strides, padding=module.padding)
    if not module.use_bias:
        return outputs
    zeros = nn.initializers.zeros
    return outputs + module.param("bias", zeros, (module.features,), jnp.float32)


class Convolution(nn.Module):
    """`convolve` by a kernel [kh, kw, C, features], and a bias [features]."""

    features: int
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = True
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """[B, H, W, C] to [B, H', W', features]."""
        return _layer(self, convolve, inputs)


class TransposedConvolution(nn.Module):
    """`convolve_transpose` to images of `size`, and a bias [features].

    Its kernel is kept as [kh, kw, C, features], as initialisers expect.
    """

    features: int
    kernel_size: Pair
    size: Pair
    strides: Pair = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = True
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """[B, H', W', C] to [B, *size, features]."""

        def function(inputs: Array, kernel: Array, **how: Any) -> Array:
            swapped = kernel.swapaxes(2, 3)
            return convolve_transpose(inputs, swapped, size=self.size, **how)

        return _layer(self, function, inputs)

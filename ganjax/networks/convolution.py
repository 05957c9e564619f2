"""Convolutions that are fast on a CPU, forwards and backwards, inside `scan` too.

XLA on a CPU is slow, by 20 times and more, in two places to which the derivatives of
its convolution lead: the weight gradient of an input-dilated convolution, and, inside
a loop, any convolution whose dimensions are not in the order NHWC, HWIO -> NHWC.
Neither occurs here. A convolution C, its adjoint T (the transposed convolution) and
its weight gradient W are three views of one trilinear form,

    <C(x, k), y> = <x, T(y, k)> = <k, W(x, y)>
                 = sum x[b, s h + d i - p, s w + d j - p, c] k[i, j, c, o] y[b, h, w, o],

with x [B, H, W, C], k [kh, kw, C, O], y [B, H', W', O], strides s, dilation d, padding
p and zeros outside x. So the derivatives of each are the other two, to any order, and a
gradient penalty is as fast. Other backends have no such cliffs; they are given the
dimension orders of lax's own derivatives.

Reverse mode only: `jax.jvp` and `jax.jacfwd` raise a TypeError.
"""

from collections.abc import Callable, Sequence
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

    window: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[Pair, ...]
    dilation: tuple[int, ...]


def _fit(
    size: Sequence[int],
    window: Sequence[int],
    strides: Pair,
    padding: Padding,
    dilation: Pair,
) -> tuple[_Geometry, tuple[int, ...]]:
    """The geometry of windows on an image of this size, and their count (H', W')."""
    extent = [d * (k - 1) + 1 for d, k in zip(dilation, window, strict=True)]
    if isinstance(padding, str):
        pads = lax.padtype_to_pads(size, extent, strides, padding)
    else:
        pads = padding
    axes = list(zip(size, extent, strides, pads, strict=True))
    count = tuple((n + lo + hi - e) // s + 1 for n, e, s, (lo, hi) in axes)
    if min(count) < 1:
        raise ValueError(
            f"windows of {tuple(extent)} do not fit on {tuple(size)} padded by {pads}"
        )
    # Padding that no window reaches is cut off: then every size follows from the rest.
    exact = tuple(
        (lo, s * (m - 1) + e - n - lo)
        for (n, e, s, (lo, _)), m in zip(axes, count, strict=True)
    )
    return _Geometry(tuple(window), tuple(strides), exact, tuple(dilation)), count


def _adjoint(geometry: _Geometry) -> _Geometry:
    """Of x as a convolution of y, dilated by the strides, with the kernel turned."""
    window, _, padding, dilation = geometry
    reach = [d * (k - 1) for d, k in zip(dilation, window, strict=True)]
    turned = tuple(
        (r - lo, r - hi) for r, (lo, hi) in zip(reach, padding, strict=True)
    )
    return _Geometry(window, (1, 1), turned, dilation)


def _turn(kernel: Array) -> Array:
    return jnp.flip(kernel, (0, 1)).swapaxes(2, 3)


def _in_parts(
    function: Callable[..., Array], size: int, least: int, *batched: Array
) -> Array:
    """The function of equal parts of the batch, [parts, ...], each of `least` or more.

    `size` is of the whole.
    """
    batch = len(batched[0])
    most = min(batch, size // least)
    parts = max([n for n in range(1, most + 1) if batch % n == 0], default=1)
    if parts == 1:
        return function(*batched)[None]
    split = [x.reshape(parts, batch // parts, *x.shape[1:]) for x in batched]
    return lax.map(lambda part: function(*part), tuple(split))


def _lax_transpose(geometry: _Geometry, outputs: Array, kernel: Array) -> Array:
    return lax.conv_general_dilated(
        outputs,
        lax.rev(kernel, (0, 1)),
        (1, 1),
        _adjoint(geometry).padding,
        lhs_dilation=geometry.strides,
        rhs_dilation=geometry.dilation,
        dimension_numbers=("NHWC", "HWOI", "NHWC"),
    )


def _cpu_transpose(geometry: _Geometry, outputs: Array, kernel: Array) -> Array:
    def part(outputs: Array) -> Array:
        return lax.conv_general_dilated(
            outputs,
            _turn(kernel),
            (1, 1),
            _adjoint(geometry).padding,
            lhs_dilation=geometry.strides,
            rhs_dilation=geometry.dilation,
            dimension_numbers=_CANONICAL,
        )

    written = outputs.size * kernel.size // kernel.shape[3]
    if geometry.strides == (1, 1):
        return part(outputs)
    parts = _in_parts(part, written, _LEAST_VALUES, outputs)
    return parts.reshape(-1, *parts.shape[2:])


def _lax_weights(geometry: _Geometry, inputs: Array, outputs: Array) -> Array:
    return lax.conv_general_dilated(
        inputs,
        outputs,
        geometry.dilation,
        geometry.padding,
        rhs_dilation=geometry.strides,
        dimension_numbers=("CHWN", "IHWO", "HWNC"),
    )


def _cpu_weights(geometry: _Geometry, inputs: Array, outputs: Array) -> Array:
    window, strides, padding, dilation = geometry
    if window == (1, 1):
        config = [(0, 0, 0), *((lo, hi, 0) for lo, hi in padding), (0, 0, 0)]
        seen = lax.pad(inputs, jnp.zeros((), inputs.dtype), config)
        seen = seen[:, :: strides[0], :: strides[1]]
        return jnp.einsum("bhwc,bhwo->co", seen, outputs)[None, None]
    if strides == (1, 1) and inputs.shape[3] > outputs.shape[3]:
        # The same sum with the roles exchanged: the narrower side is read k k times.
        return _turn(_cpu_weights(_adjoint(geometry), outputs, inputs))

    def part(inputs: Array, outputs: Array) -> Array:
        weights = lax.conv_general_dilated(
            inputs.transpose(3, 1, 2, 0),
            outputs.transpose(1, 2, 0, 3),
            dilation,
            padding,
            rhs_dilation=strides,
            dimension_numbers=_CANONICAL,
        )
        return weights.transpose(1, 2, 0, 3)

    positions = outputs.size // outputs.shape[3]
    return jnp.sum(_in_parts(part, positions, _LEAST_POSITIONS, inputs, outputs), 0)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _convolve(geometry: _Geometry, inputs: Array, kernel: Array) -> Array:
    _, strides, padding, dilation = geometry
    return lax.conv_general_dilated(
        inputs,
        kernel,
        strides,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=_CANONICAL,
    )


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _transpose(geometry: _Geometry, outputs: Array, kernel: Array) -> Array:
    return lax.platform_dependent(
        outputs,
        kernel,
        cpu=partial(_cpu_transpose, geometry),
        default=partial(_lax_transpose, geometry),
    )


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _weights(geometry: _Geometry, inputs: Array, outputs: Array) -> Array:
    return lax.platform_dependent(
        inputs,
        outputs,
        cpu=partial(_cpu_weights, geometry),
        default=partial(_lax_weights, geometry),
    )

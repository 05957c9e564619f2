"""Convolutions that are fast on a CPU, forwards and backwards, inside `scan` too.

XLA on a CPU is 10 times slower, and more, in places to which the derivatives of its
convolution lead: the weight gradient of an input-dilated convolution; a kernel larger
than the image; and, in a loop, any dimension order but NHWC, HWIO -> NHWC. None occurs
here. A convolution C, its adjoint T (the transposed convolution) and its weight
gradient W are three views of one form, trilinear in x [B, H, W, C], k [kh, kw, C, O]
and y [B, H', W', O],

    <C(x, k), y> = <x, T(y, k)> = <k, W(x, y)>
        = sum x[b, s h + d i - p, s w + d j - p, c] k[i, j, c, o] y[b, h, w, o],

with strides s, dilation d, padding p and zeros outside x. So the derivatives of each
are the other two, to any order: a gradient penalty is as fast. Backends other than the
CPU get lax's own dimension orders. Reverse mode only: `jax.jvp` raises a TypeError.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import Array, lax

Sizes = tuple[int, ...]  # of height and width
Pads = tuple[tuple[int, int], ...]  # (top, bottom), (left, right)
Padding = Literal["SAME", "VALID"] | Pads
_Map = Callable[..., Array]
_How = tuple[Sizes, Pads, Sizes, Sizes]

_CANONICAL = ("NHWC", "HWIO", "NHWC")
# XLA's T writes all windows before it adds them up, 2.5 times slower where they leave
# the cache; its W is 1.5 times slower where it sums over many positions at once. So
# the batch is cut into parts; parts of less than this cost more than they save.
_LEAST_VALUES, _LEAST_POSITIONS = 2**21, 2**11


class _Geometry(NamedTuple):
    """Strides, padding (only what windows reach) and both dilations, of C, T and W."""

    convolve: _How
    transpose: _How
    weights: _How


def _fit(
    size: Sizes, window: Sizes, strides: Sizes, padding: Padding, dilation: Sizes
) -> tuple[_Geometry, Sizes]:
    """The geometry of windows on an image of this size, and their count (H', W')."""
    extent = [d * (k - 1) + 1 for d, k in zip(dilation, window, strict=True)]
    if isinstance(padding, str):
        padding = tuple(lax.padtype_to_pads(size, extent, strides, padding))
    count, exact, adjoint = [], [], []
    for n, e, s, (low, high) in zip(size, extent, strides, padding, strict=True):
        count.append((n + low + high - e) // s + 1)
        reached = s * (count[-1] - 1) + e - n - low
        exact.append((low, reached))
        adjoint.append((e - 1 - low, e - 1 - reached))
    if min(count) < 1:
        raise ValueError(f"kernel {window} exceeds {size=}, {padding=}, {dilation=}")
    convolve = (strides, tuple(exact), (1, 1), dilation)
    transpose = ((1, 1), tuple(adjoint), strides, dilation)
    weights = (dilation, tuple(exact), (1, 1), strides)
    return _Geometry(convolve, transpose, weights), tuple(count)


def _in_parts(function: _Map, size: int, least: int, *batched: Array) -> Array:
    """[parts, ...]: the function of equal parts of a batch of `size`, above `least`.

    A batch whose size is left open, as in an exported program, stays whole.
    """
    batch = batched[0].shape[0]
    if not isinstance(batch, int):
        return function(*batched)[None]
    most = min(batch, size // least)
    parts = max((n for n in range(1, most + 1) if batch % n == 0), default=1)
    if parts == 1:
        return function(*batched)[None]
    split = [a.reshape(parts, batch // parts, *a.shape[1:]) for a in batched]
    return lax.map(lambda part: function(*part), tuple(split))


def _plain(lhs: Array, rhs: Array, how: _How, order: tuple[str, str, str]) -> Array:
    return lax.conv_general_dilated(lhs, rhs, *how, order)


def canonical(lhs: Array, rhs: Array, how: _How, *, exchange: bool = False) -> Array:
    """The convolution of lhs by rhs, by the same sums in exchanged roles if need be.

    NHWC, HWIO -> NHWC; `how` is strides, padding and the dilations of lhs and of rhs.
    XLA itself exchanges them where rhs is the larger image, and leaves the order.
    """
    if math.prod(rhs.shape[:2]) <= math.prod(lhs.shape[1:3]) and not exchange:
        return _plain(lhs, rhs, how, _CANONICAL)
    strides, padding, spread, dilation = how
    axes = zip(lhs.shape[1:3], spread, rhs.shape[:2], dilation, padding, strict=True)
    slack = [((n - 1) * s - (k - 1) * d, pads) for n, s, k, d, pads in axes]
    padding = tuple((r + high, r + low) for r, (low, high) in slack)
    lhs, rhs = rhs.transpose(3, 0, 1, 2), lhs.transpose(1, 2, 3, 0)
    outputs = _plain(lhs, rhs, (strides, padding, dilation, spread), _CANONICAL)
    return jnp.flip(outputs, (1, 2)).transpose(3, 1, 2, 0)


def _cpu_transpose(at: _Geometry, y: Array, k: Array) -> Array:
    turned = jnp.flip(k, (0, 1)).mT
    values = (y.size // y.shape[3]) * (k.size // k.shape[3])
    part = partial(canonical, rhs=turned, how=at.transpose)
    parts = _in_parts(part, values, _LEAST_VALUES, y)
    return parts.reshape(-1, *parts.shape[2:])


def _lax_transpose(at: _Geometry, y: Array, k: Array) -> Array:
    return _plain(y, lax.rev(k, (0, 1)), at.transpose, ("NHWC", "HWOI", "NHWC"))


def _cpu_weights(at: _Geometry, x: Array, y: Array) -> Array:
    # Faster over the windows of the side with fewer channels.
    exchange = x.shape[:3] == y.shape[:3] and x.shape[3] > y.shape[3]

    def part(x: Array, y: Array) -> Array:
        x, y = x.transpose(3, 1, 2, 0), y.transpose(1, 2, 0, 3)
        k = canonical(x, y, at.weights, exchange=exchange)
        return k.transpose(1, 2, 0, 3)

    positions = y.size // y.shape[3]
    return jnp.sum(_in_parts(part, positions, _LEAST_POSITIONS, x, y), 0)


def _lax_weights(at: _Geometry, x: Array, y: Array) -> Array:
    return _plain(x, y, at.weights, ("CHWN", "IHWO", "HWNC"))


def _bilinear(cpu: _Map, other: _Map, rule: Callable[..., Any]) -> _Map:
    """An operator `(geometry, a, b)`; `rule(geometry, (a, b), c)` pulls c back."""

    @partial(jax.custom_vjp, nondiff_argnums=(0,))
    def operator(at: _Geometry, a: Array, b: Array) -> Array:
        return lax.platform_dependent(
            a, b, cpu=partial(cpu, at), default=partial(other, at)
        )

    operator.defvjp(lambda at, a, b: (operator(at, a, b), (a, b)), rule)
    return operator


_convolve: _Map = _bilinear(
    lambda at, x, k: canonical(x, k, at.convolve),
    lambda at, x, k: _plain(x, k, at.convolve, _CANONICAL),
    lambda at, xk, y: (_transpose(at, y, xk[1]), _weights(at, xk[0], y)),
)
_transpose: _Map = _bilinear(
    _cpu_transpose,
    _lax_transpose,
    lambda at, yk, x: (_convolve(at, x, yk[1]), _weights(at, x, yk[0])),
)
_weights: _Map = _bilinear(
    _cpu_weights,
    _lax_weights,
    lambda at, xy, k: (_transpose(at, xy[1], k), _convolve(at, xy[0], k)),
)


def _aligned(*operands: Array) -> list[Array]:
    """Operands that vary over the same axes of a `shard_map`, as the rules need."""
    varying = [jax.typeof(a).manual_axis_type.varying for a in operands]
    lacking = [frozenset().union(*varying) - axes for axes in varying]
    return [
        lax.pcast(a, tuple(sorted(axes, key=str)), to="varying")
        for a, axes in zip(operands, lacking, strict=True)
    ]


def convolve(
    inputs: Array,
    kernel: Array,
    *,
    strides: Sizes = (1, 1),
    padding: Padding = "SAME",
    dilation: Sizes = (1, 1),
) -> Array:
    """C(x, k) above: inputs [B, H, W, C], kernel [kh, kw, C, O] to [B, H', W', O]."""
    geometry, _ = _fit(inputs.shape[1:3], kernel.shape[:2], strides, padding, dilation)
    return _convolve(geometry, *_aligned(inputs, kernel))


def convolve_transpose(
    inputs: Array,
    kernel: Array,
    *,
    size: Sizes,
    strides: Sizes = (1, 1),
    padding: Padding = "SAME",
    dilation: Sizes = (1, 1),
) -> Array:
    """T(y, k) above: inputs [B, H', W', O], kernel [kh, kw, C, O] to [B, *size, C].

    The transpose of `convolve` on images of `size`. Every size that it takes to
    (H', W') fits: with "SAME" and strides of 2, both 13 and 14 for H' = 7.

    PyTorch's ConvTranspose2d, of weights [O, C, kh, kw], makes the size
    s (H' - 1) - 2 p + d (kh - 1) + output_padding + 1. `lax.conv_transpose` with
    transpose_kernel=True makes s H' for "SAME", s H' + max(kh - s, 0) for "VALID".
    """
    geometry, count = _fit(size, kernel.shape[:2], strides, padding, dilation)
    if count != inputs.shape[1:3]:
        raise ValueError(f"{size=} needs inputs of {count}, not {inputs.shape[1:3]}")
    return _transpose(geometry, *_aligned(inputs, kernel))


def _layer(module: Any, function: _Map, inputs: Array) -> Array:
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
    kernel_size: Sizes
    strides: Sizes = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = True
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """[B, H, W, C] to [B, H', W', features]."""
        return _layer(self, convolve, inputs)


class TransposedConvolution(nn.Module):
    """`convolve_transpose` by a kernel kept as [kh, kw, C, features], and a bias."""

    features: int
    kernel_size: Sizes
    size: Sizes
    strides: Sizes = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = True
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """[B, H', W', C] to [B, *size, features]."""
        function = partial(convolve_transpose, size=self.size)
        return _layer(self, lambda x, k, **at: function(x, k.mT, **at), inputs)

"""Convolutions that are fast on a CPU, forwards and backwards, inside `scan` too.

XLA on a CPU is slow, by 20 times and more, in two places that the derivatives of its
convolution lead to: the weight gradient of an input-dilated convolution, and, inside a
loop, any convolution whose dimensions are not in the order NHWC, HWIO -> NHWC. Neither
occurs here. A convolution C, its adjoint T and its weight gradient W are three linear
views of one trilinear form,

    <C(x, k), y> = <x, T(y, k)> = <k, W(x, y)>
                 = sum x[b, s h + d i - p, s w + d j - p, c] k[i, j, c, o] y[b, h, w, o],

with x [B, H, W, C], k [kh, kw, C, O], y [B, H', W', O], strides s, dilation d, padding
p and zeros outside x. So the derivatives of each are the other two, to any order: a
gradient penalty stays as fast. Other backends have no such cliffs and are given the
order that lax's own derivatives have.

Reverse mode only: `jax.jvp` and `jax.jacfwd` raise a TypeError.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import Array, lax

Pair = tuple[int, int]
Padding = Literal["SAME", "VALID"] | tuple[Pair, Pair]

_CANONICAL = ("NHWC", "HWIO", "NHWC")
# A transposed convolution writes its windows to memory before it adds them up, 2.5
# times slower where they leave the cache; a weight gradient is 1.5 times slower where
# it sums over many positions at once. Parts below these sizes cost more than they save.
_LEAST_VALUES, _LEAST_POSITIONS = 2**21, 700


class _Geometry(NamedTuple):
    """Where windows lie: padding + size = strides (count - 1) + extent of a window."""

    strides: Pair
    padding: tuple[Pair, Pair]
    dilation: Pair


def _pair(values: list[int]) -> Pair:
    height, width = values
    return height, width


def _fit(
    size: Pair, window: Pair, strides: Pair, padding: Padding, dilation: Pair
) -> tuple[_Geometry, Pair]:
    """The geometry of windows over an image of this size, and their count [H', W']."""
    extents = [d * (k - 1) + 1 for d, k in zip(dilation, window, strict=True)]
    if isinstance(padding, str):
        pads = lax.padtype_to_pads(size, extents, strides, padding)
    else:
        pads = padding
    axes = list(zip(size, extents, strides, pads, strict=True))
    counts = _pair([(n + lo + hi - e) // s + 1 for n, e, s, (lo, hi) in axes])
    if min(counts) < 1:
        raise ValueError(
            f"a window of {_pair(extents)} with padding {padding} does not fit into "
            f"an image of {size}"
        )
    # What no window reaches is cut off, so that sizes follow from each other exactly.
    low, high = (
        (lo, (count - 1) * s + e - n - lo)
        for (n, e, s, (lo, _)), count in zip(axes, counts, strict=True)
    )
    return _Geometry(_pair([*strides]), (low, high), _pair([*dilation])), counts


def _adjoint_padding(geometry: _Geometry, window: Pair) -> tuple[Pair, Pair]:
    height, width = (
        (d * (k - 1) - lo, d * (k - 1) - hi)
        for d, k, (lo, hi) in zip(
            geometry.dilation, window, geometry.padding, strict=True
        )
    )
    return height, width


def _in_parts(
    function: Callable[[Array, Array], Array], size: int, least: int, *batched: Array
) -> Array:
    """The function of equal parts of the batch, [parts, ...]; `size` is of the whole."""
    batch = len(batched[0])
    parts = max(
        n for n in range(1, batch + 1) if batch % n == 0 and (n == 1 or size >= n * least)
    )
    if parts == 1:
        return function(*batched)[None]
    split = [x.reshape(parts, batch // parts, *x.shape[1:]) for x in batched]
    return lax.map(lambda part: function(*part), tuple(split))

"""Puts the convolutions of a traced function into the order that is fast in loops.

XLA on a CPU is many times slower for a convolution inside a loop whose dimensions are
in any order but NHWC, HWIO -> NHWC (or the like for 1 or 3 axes). Derivatives lead to
other orders, such as those of `flax.linen.Conv`; `ganjax.networks.convolution` never
leaves this one. Which order it is to be is decided where the program is lowered: other
back ends get what was traced.
"""

import math
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
from jax import Array, lax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, jaxpr_as_fun

from ganjax.networks.convolution import Pads, Sizes, canonical

_HOW = ("window_strides", "padding", "lhs_dilation", "rhs_dilation")
# What `canonical` has no keywords for, and without which it goes.
_PLAIN = {
    **{"feature_group_count": 1, "batch_group_count": 1},
    **{"precision": None, "preferred_element_type": None},
}


def reorder(function: Callable[..., Any], *, says: bool) -> Callable[..., Any]:
    """`function` with its convolutions in the canonical order, also in loops within.

    It is so on a CPU. The sums are the same, so that values differ by rounding at most;
    they are the same bit for bit, and the program is, where there is no convolution in
    another order. The first trace that finds one `says` so in a line on stderr, where
    it is to be run on a CPU. Nothing may be differentiated any more: what is inside
    keeps no rules of its own.
    """

    def reordered(*arguments: Any) -> Any:
        traced, made = jax.make_jaxpr(function, return_shape=True)(*arguments)
        found: list[JaxprEqn] = []
        program = traced.replace(jaxpr=_rewritten(traced.jaxpr, found))
        if not found:
            return function(*arguments)
        if says and jax.process_index() == 0:
            count = f"{len(found)} convolution{'s' * (len(found) > 1)}"
            print(
                f"ganjax: {count} in an order that is slow in loops on a CPU, put into "
                "another; the layers of ganjax.networks.convolution need none of it",
                file=sys.stderr,
            )
        outputs = jaxpr_as_fun(program)(*jax.tree.leaves(arguments))
        return jax.tree.unflatten(jax.tree.structure(made), outputs)

    return reordered


def _rewritten(program: Jaxpr, found: list[JaxprEqn]) -> Jaxpr:
    """The program with other convolutions in place of those that go to `found`."""
    return program.replace(eqns=[_rewrite(step, found) for step in program.eqns])


def _rewrite(equation: JaxprEqn, found: list[JaxprEqn]) -> JaxprEqn:
    if equation.primitive is lax.conv_general_dilated_p:
        if _is_fast(equation):
            return equation
        found.append(equation)
        either = jax.jit(partial(_by_back_end, equation))
        (call,) = jax.make_jaxpr(either)(*(x.aval for x in equation.invars)).eqns
        return call.replace(invars=equation.invars, outvars=equation.outvars)
    if equation.params.get("branches_platforms"):
        return equation  # who chooses by the back end has chosen well
    params = {key: _inside(x, found) for key, x in equation.params.items()}
    return equation.replace(params=params)


def _by_back_end(equation: JaxprEqn, inputs: Array, kernel: Array) -> Array:
    params = equation.params
    return lax.platform_dependent(
        *(inputs, kernel),
        cpu=partial(_convolve, **params),
        default=partial(equation.primitive.bind, **params),
    )


def _is_fast(equation: JaxprEqn) -> bool:
    inputs, kernel = (x.aval.shape for x in equation.invars)  # type: ignore[attr-defined]
    if equation.params["dimension_numbers"] != _canonical(len(inputs) - 2):
        return False
    # XLA exchanges the two where the kernel is the larger image, and leaves the order.
    is_larger = math.prod(kernel[:-2]) > math.prod(inputs[1:-1])
    return not (is_larger and _is_plain(equation.params))


def _is_plain(params: Mapping[str, Any]) -> bool:
    """Whether `canonical` has words for all that these parameters ask."""
    two_axes = len(params["window_strides"]) == 2
    return two_axes and all(params[name] == plain for name, plain in _PLAIN.items())


def _inside(value: Any, found: list[JaxprEqn]) -> Any:
    """A parameter of an equation, which may hold programs: bodies and branches."""
    if isinstance(value, Jaxpr):
        return _rewritten(value, found)
    if isinstance(value, ClosedJaxpr):
        return value.replace(jaxpr=_rewritten(value.jaxpr, found))
    if type(value) is tuple:
        return tuple(_inside(item, found) for item in value)
    return value


def _canonical(axes: int) -> lax.ConvDimensionNumbers:
    """NHWC, HWIO -> NHWC, or the like for as many axes."""
    spatial = tuple(range(1, axes + 1))
    image, kernel = (0, axes + 1, *spatial), (axes + 1, axes, *range(axes))
    return lax.ConvDimensionNumbers(image, kernel, image)


def _convolve(
    inputs: Array,
    kernel: Array,
    *,
    dimension_numbers: lax.ConvDimensionNumbers,
    **params: Any,
) -> Array:
    """`lax.conv_general_dilated` of arrays of any order, in the canonical one."""
    of_inputs, of_kernel, of_outputs = dimension_numbers
    batch, features, *axes = of_inputs
    out, into, *window = of_kernel
    inputs = inputs.transpose(batch, *axes, features)
    kernel = kernel.transpose(*window, into, out)
    if _is_plain(params):
        strides, padding, spread, dilation = (params[name] for name in _HOW)
        sides = zip(inputs.shape[1:3], spread, kernel.shape[:2], dilation, strict=True)
        extents = [(s * (n - 1) + 1, d * (k - 1) + 1) for n, s, k, d in sides]
        how = strides, _reached(extents, strides, padding), spread, dilation
        outputs = canonical(inputs, kernel, how)
    else:
        outputs = lax.conv_general_dilated(
            inputs,
            kernel,
            dimension_numbers=_canonical(len(axes)),
            **{name: params[name] for name in (*_HOW, *_PLAIN)},
        )
    batch, features, *axes = of_outputs
    places = (batch, *axes, features)
    return outputs.transpose(sorted(range(len(places)), key=places.__getitem__))


def _reached(
    extents: list[tuple[int, int]], strides: Sizes, padding: Pads
) -> tuple[tuple[int, int], ...]:
    """The padding that windows reach, of the extents of image and window."""
    pads = []
    for (image, window), stride, (low, high) in zip(
        extents, strides, padding, strict=True
    ):
        count = (image + low + high - window) // stride + 1
        pads.append((low, stride * (count - 1) + window - image - low))
    return tuple(pads)

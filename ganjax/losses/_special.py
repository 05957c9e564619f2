"""Special functions that keep their digits where the plain formula loses them.

All are elementwise, for floats of any shape; so are their derivatives.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import sigmoid, softplus


@jax.custom_jvp
def expm1(x: Array) -> Array:
    """e^x - 1, whose derivative is e^x.

    That of `jnp.expm1` is 1 + expm1(x), in float32 0 for x below -17.4.
    """
    return jnp.expm1(x)


expm1.defjvps(lambda tangent, _, x: tangent * jnp.exp(x))


@jax.custom_jvp
def tanh(x: Array) -> Array:
    """(e^x - e^-x) / (e^x + e^-x), whose derivative is sech^2 x.

    That of `jnp.tanh` is 1 - tanh^2 x, in float32 0 for |x| above 8.
    """
    return jnp.tanh(x)


tanh.defjvps(lambda tangent, _, x: 4 * tangent * sigmoid(2 * x) * sigmoid(-2 * x))


@jax.custom_jvp
def log_lambert_w(x: Array) -> Array:
    """log W(e^x), W inverting w e^w: the solution y of y + e^y = x, for any real x.

    Neither e^x nor W(e^x) is formed; W itself is e^y. The derivative is 1 / (1 + W),
    exactly and to any order.

    Corless et al. 1996, "On the Lambert W function", eq. 1.5; y is the logarithm of
    what Corless and Jeffrey 2002, "The Wright omega function", name omega(x).
    """
    # y + e^y - x is convex and rises, and this start is never below its root, so that
    # Newton descends to it. The start is off by 0.57 at most, and a step takes an error
    # e to e^2 / 2 at most, in the event to 7e-2, 8e-4, 1e-7, 4e-15, rounding.
    y = jnp.minimum(x, jnp.log(jnp.maximum(x, 1)))
    for _ in range(5):
        w = jnp.exp(y)
        y = y - (y + w - x) / (1 + w)
    return y


@log_lambert_w.defjvp
def _log_lambert_w_jvp(
    primals: tuple[Array], tangents: tuple[Array]
) -> tuple[Array, Array]:
    y = log_lambert_w(*primals)
    return y, sigmoid(-y) * tangents[0]


def log_softplus(x: Array) -> Array:
    """log log(1 + e^x)."""
    return _log_of(softplus, x)


def log_one_minus(x: Array) -> Array:
    """log(1 - e^-a) of x = log a, x < 88 in float32, where a itself overflows."""
    return _log_of(lambda x: -expm1(-jnp.exp(x)), x)


def _log_of(h: Callable[[Array], Array], x: Array) -> Array:
    """log h(x) of an h(x) that is e^x for x far below 0, where it underflows."""
    far = x < math.log(jnp.finfo(jnp.asarray(x).dtype).eps)  # e^x alters no digit of x
    # The inner `where` keeps log(0) and its gradient out of the backward pass.
    return jnp.where(far, x, jnp.log(h(jnp.where(far, 0.0, x))))


def inverse_softplus(y: float | Array) -> Array:
    """log(e^y - 1), y > 0."""
    return y + jnp.log(-expm1(-y))


def power_ratio(log_x: Array, power: float | Array) -> Array:
    """(x^power - 1) / power, and its limit log x at power 0."""
    at_limit = jnp.equal(power, 0)
    safe = jnp.where(at_limit, 1.0, power)
    return jnp.where(at_limit, log_x, expm1(safe * log_x) / safe)

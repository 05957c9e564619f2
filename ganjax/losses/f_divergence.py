"""f-divergences, and the variational losses made from any of them.

D_f(P || Q) = int q f(p / q), f convex, has the lower bound E_P T - E_Q f*(T) for any T
with values in the domain of f*(t) = sup_{u >= 0} (u t - f(u)). It is tight at
T* = f'(p / q). A discriminator's raw score v becomes T = g(v) by an activation g that
rises and maps all reals into that domain; P is the data, Q the generator.

Nowozin, Cseke and Tomioka 2016, "f-GAN: Training Generative Neural Samplers using
Variational Divergence Minimization": f, f* and T* are those of tables 1, 2 and 5, g of
tables 2 and 6. The contract of the losses is that of `ganjax.losses.scores`.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import softplus
from jax.scipy.special import xlog1py, xlogy

from ganjax.losses._special import (
    expm1,
    inverse_softplus,
    log_lambert_w,
    log_one_minus,
    log_softplus,
    power_ratio,
    tanh,
)
from ganjax.precision import expectation

Number = float | Array
Function = Callable[[Array], Array]

# Between these scores `from_conjugate` looks for the threshold, to float32's accuracy.
_FAR, _HALVINGS = 1e3, 60


class Divergence(NamedTuple):
    """One f-divergence with its numbers bound; every function is elementwise.

    `real` and `fake` are what the losses average, in closed forms that hold where the
    composition of g and f* under- or overflows. The docstring of a row says where even
    they are infinite in float32; where it says nothing they are finite for any score
    up to 1e4 in size.

    It begins with what D_f(P || Q) is, and has the formulas in a block of their own,
    which tests/test_reference.py evaluates: ^ is a power, |x| a size, and W inverts
    w e^w. The domain of f* is said behind it.
    """

    f: Function  # of u = p / q >= 0
    conjugate: Function  # f*(t)
    supremum: Number  # of the domain of f*, above which f* is infinite
    optimal: Function  # T*(u) = f'(u); optimal(1) tells real from generated in T
    real: Function  # g(v), v any real number
    fake: Function  # f*(g(v))
    threshold: Number  # the score v where g(v) = f'(1)


def total_variation() -> Divergence:
    """1/2 int |p - q|.

    f(u) = |u - 1| / 2
    f*(t) = max(t, -1/2) for t <= 1/2
    T*(u) = sign(u - 1) / 2
    g(v) = tanh(v) / 2
    threshold = 0

    Table 2 has f* = t, which is f* only within reach of g. The gradient of g,
    1/2 sech^2, is 0 in float32 for scores beyond 44.
    """
    return Divergence(
        f=lambda u: jnp.abs(u - 1) / 2,
        conjugate=lambda t: jnp.maximum(t, -0.5),
        supremum=0.5,
        optimal=lambda u: jnp.sign(u - 1) / 2,
        real=lambda v: tanh(v) / 2,
        fake=lambda v: tanh(v) / 2,
        threshold=0.0,
    )


def kl() -> Divergence:
    """KL(P || Q).

    f(u) = u * log(u)
    f*(t) = exp(t - 1) for any t
    T*(u) = 1 + log(u)
    g(v) = v
    threshold = 1

    `fake` is infinite for v > 89.72.
    """
    return Divergence(
        f=lambda u: xlogy(u, u),
        conjugate=lambda t: jnp.exp(t - 1),
        supremum=math.inf,
        optimal=lambda u: 1 + jnp.log(u),
        real=lambda v: v,
        fake=lambda v: jnp.exp(v - 1),
        threshold=1.0,
    )


def reverse_kl() -> Divergence:
    """KL(Q || P).

    f(u) = -log(u)
    f*(t) = -1 - log(-t) for t < 0
    T*(u) = -1 / u
    g(v) = -exp(-v)
    threshold = 0

    `real` is infinite for v < -88.72.
    """
    return Divergence(
        f=lambda u: -jnp.log(u),
        conjugate=lambda t: -1 - jnp.log(-t),
        supremum=0.0,
        optimal=lambda u: -1 / u,
        real=lambda v: -jnp.exp(-v),
        fake=lambda v: v - 1,
        threshold=0.0,
    )


def pearson() -> Divergence:
    """int (p - q)^2 / q.

    f(u) = (u - 1)^2
    f*(t) = max(t, -2)^2 / 4 + max(t, -2) for any t
    T*(u) = 2 * (u - 1)
    g(v) = v
    threshold = 0

    Tables 2 and 6 continue the parabola t^2 / 4 + t below t = -2, where the supremum
    stays at u = 0: there their saturating generator gains by falling further. Here no
    generated example scoring below -2 has a gradient.
    """
    return Divergence(
        f=lambda u: jnp.square(u - 1),
        conjugate=_pearson_conjugate,
        supremum=math.inf,
        optimal=lambda u: 2 * (u - 1),
        real=lambda v: v,
        fake=_pearson_conjugate,
        threshold=0.0,
    )


def _pearson_conjugate(t: Array) -> Array:
    reached = jnp.maximum(t, -2)
    return reached * (reached / 4 + 1)


def neyman() -> Divergence:
    """int (p - q)^2 / p.

    f(u) = (1 - u)^2 / u
    f*(t) = 2 - 2 * sqrt(1 - t) for t <= 1
    T*(u) = 1 - 1 / u^2
    g(v) = 1 - exp(-v)
    threshold = 0

    `real` is infinite for v < -88.72, `fake` for v < -176.06.
    """
    return Divergence(
        f=lambda u: (1 - u) / u * (1 - u),
        conjugate=lambda t: 2 - 2 * jnp.sqrt(1 - t),
        supremum=1.0,
        optimal=lambda u: 1 - jnp.square(1 / u),
        real=lambda v: -expm1(-v),
        fake=lambda v: -2 * expm1(-v / 2),
        threshold=0.0,
    )


def squared_hellinger() -> Divergence:
    """int (sqrt p - sqrt q)^2.

    f(u) = (sqrt(u) - 1)^2
    f*(t) = t / (1 - t) for t < 1
    T*(u) = 1 - sqrt(1 / u)
    g(v) = 1 - exp(-v)
    threshold = 0

    `real` is infinite for v < -88.72, `fake` for v > 88.72.
    """
    return Divergence(
        f=lambda u: jnp.square(jnp.sqrt(u) - 1),
        conjugate=lambda t: t / (1 - t),
        supremum=1.0,
        optimal=lambda u: 1 - jnp.sqrt(1 / u),
        real=lambda v: -expm1(-v),
        fake=expm1,
        threshold=0.0,
    )


def jeffrey() -> Divergence:
    """KL(P || Q) + KL(Q || P).

    f(u) = (u - 1) * log(u)
    f*(t) = W(exp(1 - t)) + 1 / W(exp(1 - t)) + t - 2 for any t
    T*(u) = 1 + log(u) - 1 / u
    g(v) = v
    threshold = 0

    `fake` is infinite for v > 89.72.
    """
    return Divergence(
        f=lambda u: xlogy(u - 1, u),
        conjugate=_jeffrey_conjugate,
        supremum=math.inf,
        optimal=lambda u: 1 + jnp.log(u) - 1 / u,
        real=lambda v: v,
        fake=_jeffrey_conjugate,
        threshold=0.0,
    )


def _jeffrey_conjugate(t: Array) -> Array:
    """W + 1 / W + t - 2 with W = W(e^(1 - t)).

    As W + log W = 1 - t, it is 1 / W - log W - 1, of which nothing cancels for large W.
    """
    log_w = log_lambert_w(1 - t)
    return expm1(-log_w) - log_w


def jensen_shannon() -> Divergence:
    """KL(P || M) + KL(Q || M), M = (P + Q) / 2: twice what others call by this name.

    f(u) = u * log(u) - (u + 1) * log((u + 1) / 2)
    f*(t) = -log(2 - exp(t)) for t < log(2)
    T*(u) = log(2 * u / (u + 1))
    g(v) = log(2) - softplus(-v)
    threshold = 0
    """
    return Divergence(
        f=lambda u: xlogy(u, 2 * u / (u + 1)) - jnp.log((u + 1) / 2),
        conjugate=lambda t: -jnp.log(2 - jnp.exp(t)),
        supremum=math.log(2),
        optimal=lambda u: jnp.log(2 * u / (u + 1)),
        real=lambda v: math.log(2) - softplus(-v),
        fake=lambda v: softplus(v) - math.log(2),
        threshold=0.0,
    )


def weighted_jensen_shannon(*, pi: Number) -> Divergence:
    """pi KL(P || M) + (1 - pi) KL(Q || M), M = pi P + (1 - pi) Q, pi in (0, 1).

    f(u) = pi * u * log(u) - (1 - pi + pi * u) * log(1 - pi + pi * u)
    f*(t) = (1 - pi) * log((1 - pi) / (1 - pi * exp(t / pi))) for t < -pi * log(pi)
    T*(u) = pi * log(u / (1 - pi + pi * u))
    g(v) = -pi * log(pi) - softplus(-v)
    threshold = -log(pi^(-pi) - 1)

    Half of `jensen_shannon` at 1/2.
    """
    supremum = -pi * jnp.log(pi)
    return Divergence(
        f=lambda u: pi * xlogy(u, u / (m := 1 - pi + pi * u)) - (1 - pi) * jnp.log(m),
        conjugate=lambda t: (1 - pi) * jnp.log((1 - pi) / (1 - pi * jnp.exp(t / pi))),
        supremum=supremum,
        optimal=lambda u: pi * jnp.log(u / (1 - pi + pi * u)),
        real=lambda v: supremum - softplus(-v),
        # pi e^(t / pi) = sigmoid(v)^(1 / pi) = exp(-softplus(-v) / pi)
        fake=lambda v: (
            (1 - pi) * (jnp.log(1 - pi) - log_one_minus(log_softplus(-v) - jnp.log(pi)))
        ),
        threshold=-inverse_softplus(supremum),
    )


def gan() -> Divergence:
    """KL(P || M) + KL(Q || M) - log 4, M = (P + Q) / 2: the bound of minimax GAN.

    f(u) = u * log(u) - (u + 1) * log(u + 1)
    f*(t) = -log(1 - exp(t)) for t < 0
    T*(u) = log(u / (u + 1))
    g(v) = -softplus(-v)
    threshold = 0

    At P = Q its value is f(1) = -log 4, and not 0.
    """
    return Divergence(
        # Of one sign, where the formula takes large numbers from each other.
        f=lambda u: -xlog1py(u, 1 / u) - jnp.log1p(u),
        conjugate=lambda t: -jnp.log(-expm1(t)),
        supremum=0.0,
        optimal=lambda u: -jnp.log1p(1 / u),
        real=lambda v: -softplus(-v),
        fake=softplus,
        threshold=0.0,
    )


def alpha_below_one(*, alpha: Number) -> Divergence:
    """int q f(p / q), for alpha < 1; KL(Q || P) at alpha = 0.

    f(u) = (u^alpha - 1 - alpha * (u - 1)) / (alpha * (alpha - 1))
    f*(t) = ((1 + (alpha - 1) * t)^(alpha / (alpha - 1)) - 1) / alpha
      for t < 1 / (1 - alpha)
    T*(u) = (u^(alpha - 1) - 1) / (alpha - 1)
    g(v) = 1 / (1 - alpha) - softplus(-v)
    threshold = -log(exp(1 / (1 - alpha)) - 1)

    Half of `neyman` at -1, twice `squared_hellinger` at 1/2. With a = alpha, all is
    finite for a <= 0. For a > 0 `fake` grows like exp(v a / (1 - a)): at 1/2 `fake` is
    infinite for v > 87.34.
    """
    return Divergence(
        f=lambda u: (power_ratio(jnp.log(u), alpha) - (u - 1)) / (alpha - 1),
        conjugate=lambda t: _alpha_conjugate(jnp.log1p((alpha - 1) * t), alpha),
        supremum=1 / (1 - alpha),
        optimal=lambda u: power_ratio(jnp.log(u), alpha - 1),
        real=lambda v: 1 / (1 - alpha) - softplus(-v),
        # 1 + (a - 1) g(v) = (1 - a) softplus(-v)
        fake=lambda v: _alpha_conjugate(jnp.log(1 - alpha) + log_softplus(-v), alpha),
        threshold=-inverse_softplus(1 / (1 - alpha)),
    )


def alpha_above_one(*, alpha: Number) -> Divergence:
    """int q f(p / q), for alpha > 1; KL(P || Q) in the limit alpha = 1.

    f(u) = (u^alpha - 1 - alpha * (u - 1)) / (alpha * (alpha - 1))
    f*(t) = (max(1 + (alpha - 1) * t, 0)^(alpha / (alpha - 1)) - 1) / alpha for any t
    T*(u) = (u^(alpha - 1) - 1) / (alpha - 1)
    g(v) = v
    threshold = 0

    The divergence of `alpha_below_one`, continued; half of `pearson` at 2.

    `fake` grows like v^(a / (a - 1)), a = alpha; nearer to 1 it is close to exp(v).
    """

    def conjugate(t: Array) -> Array:
        base = (alpha - 1) * t
        reached = base > -1  # below, the supremum stays at u = 0
        # The inner `where` keeps log(0) and its gradient out of the backward pass.
        log_base = jnp.log1p(jnp.where(reached, base, 0.0))
        return jnp.where(reached, _alpha_conjugate(log_base, alpha), -1 / alpha)

    return Divergence(
        f=lambda u: (power_ratio(jnp.log(u), alpha) - (u - 1)) / (alpha - 1),
        conjugate=conjugate,
        supremum=math.inf,
        optimal=lambda u: power_ratio(jnp.log(u), alpha - 1),
        real=lambda v: v,
        fake=conjugate,
        threshold=0.0,
    )


def _alpha_conjugate(log_base: Array, alpha: Number) -> Array:
    """(b^(a / (a - 1)) - 1) / a, where b = 1 + (a - 1) t."""
    return power_ratio(log_base, alpha / (alpha - 1)) / (alpha - 1)


def from_conjugate(
    f: Function,
    conjugate: Function,
    *,
    activation: Function = lambda v: v,
    supremum: Number = math.inf,
) -> Divergence:
    """An f-divergence of f and f*, for the row of an experiment's file.

    T* = f' is taken by differentiation, and the threshold is found by halving, as g
    rises. `fake` is f*(g(v)) as it stands, so that it is as stable as its parts are.

    Nowozin, Cseke and Tomioka 2016, "f-GAN", section 2.

    Args:
      f: of u = p / q >= 0, convex, with f(1) = 0.
      conjugate: f*(t) = sup_{u >= 0} (u t - f(u)).
      activation: g, which rises and maps all reals into the domain of f*.
      supremum: of that domain.
    """
    slope = jax.grad(lambda u: f(u))(1.0)

    def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        is_below = activation(middle) < slope
        return jnp.where(is_below, middle, low), jnp.where(is_below, high, middle)

    ends = (jnp.asarray(-_FAR), jnp.asarray(_FAR))
    low, high = jax.lax.fori_loop(0, _HALVINGS, halve, ends)
    return Divergence(
        f=f,
        conjugate=conjugate,
        supremum=supremum,
        optimal=lambda u: jax.vmap(jax.grad(lambda x: f(x)))(jnp.ravel(u)).reshape(
            jnp.shape(u)
        ),
        real=activation,
        fake=lambda v: conjugate(activation(v)),
        threshold=(low + high) / 2,
    )


def f_divergence_real(real_score: Array, *, divergence: Divergence) -> Array:
    """-E g(r).

    Nowozin, Cseke and Tomioka 2016, "f-GAN", section 2.3.
    """
    return -expectation(divergence.real, real_score)


def f_divergence_fake(fake_score: Array, *, divergence: Divergence) -> Array:
    """E f*(g(s)).

    Nowozin, Cseke and Tomioka 2016, "f-GAN", section 2.3.
    """
    return expectation(divergence.fake, fake_score)


def f_divergence_discriminator(
    real_score: Array, fake_score: Array, *, divergence: Divergence
) -> Array:
    """-E g(r) + E f*(g(s)): minus the lower bound on D_f(P || Q).

    Its minimum over all scores is -D_f(P || Q), at g(v) = f'(p / q).

    Nowozin, Cseke and Tomioka 2016, "f-GAN", sections 2.2 and 2.3.
    """
    real = f_divergence_real(real_score, divergence=divergence)
    return real + f_divergence_fake(fake_score, divergence=divergence)


def f_divergence_generator(fake_score: Array, *, divergence: Divergence) -> Array:
    """-E f*(g(s)): the saturating loss, which descends the bound itself.

    Nowozin, Cseke and Tomioka 2016, "f-GAN", algorithm 1.
    """
    return -f_divergence_fake(fake_score, divergence=divergence)


def f_divergence_direct_generator(
    fake_score: Array, *, divergence: Divergence
) -> Array:
    """-E g(s): generated examples are to score as real ones do.

    It descends no bound, but moves generated examples that the discriminator tells
    with certainty from real ones. With `gan` it is the non-saturating loss.

    Nowozin, Cseke and Tomioka 2016, "f-GAN", section 3.2.
    """
    return f_divergence_real(fake_score, divergence=divergence)

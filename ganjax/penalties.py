"""Gradient penalties on the discriminator.

Each takes the discriminator as a function, `score_fn(examples, label) -> [B]`, so that
a linear one gives the answer by hand; an outcome, of which only `real`, `fake` and
their labels are read; `keys [B]`, one per example, which deterministic penalties
ignore; and its numbers by keyword. Each returns one scalar, weighted, to be added to
the discriminator's loss. Norms are taken per example, over all its axes.
"""

import jax
import jax.numpy as jnp
from jax import Array

from ganjax.types import Outcome, ScoreFn


def _gradients(score_fn: ScoreFn, examples: Array, label: Array | None) -> Array:
    """The score's gradient with respect to each example, `[B, features]`."""
    gradients = jax.grad(lambda x: jnp.sum(score_fn(x, label)))(examples)
    return gradients.reshape(gradients.shape[0], -1)


def _norms(gradients: Array) -> Array:
    """Euclidean norms `[B]` whose own gradient is 0, not NaN, at a zero vector."""
    squared = jnp.sum(jnp.square(gradients), axis=-1)
    positive = squared > 0
    # The inner `where` keeps sqrt'(0) = inf out of the backward pass.
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1.0)), 0.0)


def _interpolated_norms(score_fn: ScoreFn, outcome: Outcome, keys: Array) -> Array:
    real, fake = outcome.real, outcome.fake
    mix = jax.vmap(lambda key: jax.random.uniform(key, dtype=real.dtype))(keys)
    mix = mix.reshape(-1, *[1] * (real.ndim - 1))
    between = mix * real + (1 - mix) * fake
    return _norms(_gradients(score_fn, between, outcome.real_label))


def interpolated_gradient(
    score_fn: ScoreFn,
    outcome: Outcome,
    keys: Array,
    *,
    weight: float | Array,
    target: float | Array = 1.0,
) -> Array:
    """w E (||grad D(u x_i + (1 - u) G(z_i))|| - target)^2 with u ~ U(0, 1).

    One u per example. Implementations that take the norm over channels only, or over
    the whole batch, compute something else.

    Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", eq. 3.
    """
    norms = _interpolated_norms(score_fn, outcome, keys)
    return weight * jnp.mean(jnp.square(norms - target))


def one_sided_interpolated_gradient(
    score_fn: ScoreFn,
    outcome: Outcome,
    keys: Array,
    *,
    weight: float | Array,
    target: float | Array = 1.0,
) -> Array:
    """w E relu(||grad D(u x_i + (1 - u) G(z_i))|| - target)^2 with u ~ U(0, 1).

    Only slopes above the target are penalised: a 1-Lipschitz critic may be flatter.

    Gulrajani et al. 2017, section 4; Petzka et al. 2018, "On the regularization of
    Wasserstein GANs", eq. 8.
    """
    norms = _interpolated_norms(score_fn, outcome, keys)
    return weight * jnp.mean(jnp.square(jax.nn.relu(norms - target)))


def real_gradient(
    score_fn: ScoreFn, outcome: Outcome, keys: Array, *, weight: float | Array
) -> Array:
    """w/2 E ||grad D(x_i)||^2 on real examples (R1); w is the papers' gamma.

    Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?",
    eq. 9.
    """
    gradients = _gradients(score_fn, outcome.real, outcome.real_label)
    return 0.5 * weight * jnp.mean(jnp.sum(jnp.square(gradients), axis=-1))


def fake_gradient(
    score_fn: ScoreFn, outcome: Outcome, keys: Array, *, weight: float | Array
) -> Array:
    """w/2 E ||grad D(G(z_i))||^2 on generated examples (R2); w is the papers' gamma.

    Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?",
    eq. 10.
    """
    gradients = _gradients(score_fn, outcome.fake, outcome.fake_label)
    return 0.5 * weight * jnp.mean(jnp.sum(jnp.square(gradients), axis=-1))


PENALTIES = {
    "interpolated_gradient": interpolated_gradient,
    "one_sided_interpolated_gradient": one_sided_interpolated_gradient,
    "real_gradient": real_gradient,
    "fake_gradient": fake_gradient,
}

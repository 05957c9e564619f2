"""Penalties on the discriminator, most of them on its gradient.

Each takes the discriminator as a function, `score_fn(examples, label) -> [B]`, so that
a linear one gives the answer by hand; an outcome, of which only `real`, `fake` and
their labels are read; `keys [B]`, one per example, which deterministic penalties
ignore; and its numbers by keyword. Each returns one scalar, weighted, to be added to
the discriminator's loss. A gradient is that of an example's own score, so the scores of
a batch must not depend on each other, as they do under batch norm. Norms are taken per
example, over all its axes. Examples in half precision are widened first; a batch of 0
examples raises `ValueError`.
"""

import jax
import jax.numpy as jnp
from jax import Array

from ganjax.axis import mean_over
from ganjax.precision import by_example, expectation, mean, widen
from ganjax.types import Outcome, ScoreFn, made


def _gradients(score_fn: ScoreFn, examples: Array, label: Array | None) -> Array:
    """The score's gradient with respect to each example, `[B, features]`."""
    gradients = jax.grad(lambda x: jnp.sum(widen(score_fn(x, label))))(widen(examples))
    return by_example(gradients)


def _norms(gradients: Array) -> Array:
    """Euclidean norms `[B]` whose own gradient is 0, not NaN, at a zero vector."""
    squared = jnp.sum(jnp.square(gradients), axis=-1)
    positive = squared > 0
    # The inner `where` keeps sqrt'(0) = inf out of the backward pass.
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1.0)), 0.0)


def _interpolated_norms(score_fn: ScoreFn, outcome: Outcome, keys: Array) -> Array:
    real, fake = widen(made(outcome.real)), widen(made(outcome.fake))
    mix = jax.vmap(lambda key: jax.random.uniform(key, dtype=real.dtype))(keys)
    mix = mix.reshape(-1, *[1] * (real.ndim - 1))
    between = mix * real + (1 - mix) * fake
    return _norms(_gradients(score_fn, between, outcome.real_label))


def wgan_gp(
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
    return weight * mean(jnp.square(norms - target))


def wgan_lp(
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
    return weight * mean(jnp.square(jax.nn.relu(norms - target)))


def r1(
    score_fn: ScoreFn, outcome: Outcome, keys: Array, *, weight: float | Array
) -> Array:
    """w/2 E ||grad D(x_i)||^2 on real examples (R1); w is the papers' gamma.

    Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?",
    eq. 9.
    """
    gradients = _gradients(score_fn, made(outcome.real), outcome.real_label)
    return 0.5 * weight * mean(jnp.sum(jnp.square(gradients), axis=-1))


def r2(
    score_fn: ScoreFn, outcome: Outcome, keys: Array, *, weight: float | Array
) -> Array:
    """w/2 E ||grad D(G(z_i))||^2 on generated examples (R2); w is the papers' gamma.

    Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?",
    eq. 10.
    """
    gradients = _gradients(score_fn, made(outcome.fake), outcome.fake_label)
    return 0.5 * weight * mean(jnp.sum(jnp.square(gradients), axis=-1))


def _standard_deviation(examples: Array, axis_name: str | None) -> Array:
    """Of all numbers of the batch on all devices, by their count and not one less."""

    def of_all(values: Array) -> Array:
        return mean_over(mean(values), axis_name)

    return jnp.sqrt(of_all(jnp.square(examples - of_all(examples))))


def dragan(
    score_fn: ScoreFn,
    outcome: Outcome,
    keys: Array,
    *,
    weight: float | Array,
    target: float | Array = 1.0,
    axis_name: str | None = None,
) -> Array:
    """w E (||grad D(x_i + u s/2 e)|| - target)^2 around real examples (DRAGAN).

    s is the standard deviation of all numbers of the batch, over the devices of
    `axis_name` too; u ~ U(0, 1) is one per example and e ~ U(0, 1) one per number of
    it, as in the authors' code. The paper's perturbation is Gaussian.

    Kodali et al. 2017, "On Convergence and Stability of GANs".
    """
    real = widen(made(outcome.real))

    def perturb(example: Array, key: Array) -> Array:
        where, how_far = jax.random.split(key)
        noise = jax.random.uniform(where, example.shape, example.dtype)
        return noise * jax.random.uniform(how_far, dtype=example.dtype)

    half = 0.5 * _standard_deviation(real, axis_name)
    around = real + half * jax.vmap(perturb)(real, keys)
    norms = _norms(_gradients(score_fn, around, outcome.real_label))
    return weight * mean(jnp.square(norms - target))


def real_gradient_norm(
    score_fn: ScoreFn, outcome: Outcome, keys: Array, *, weight: float | Array
) -> Array:
    """w E ||grad D(x_i)|| on real examples: the norm itself, not its square.

    It keeps LS-GAN's loss function Lipschitz, which is minus the score and so has the
    same norms. The penalty's own derivative at a zero gradient is taken to be 0.

    Qi 2020, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities", in
    the form of the author's code for GLS-GAN.
    """
    gradients = _gradients(score_fn, made(outcome.real), outcome.real_label)
    return weight * mean(_norms(gradients))


def score_drift(
    score_fn: ScoreFn, outcome: Outcome, keys: Array, *, weight: float | Array
) -> Array:
    """w E r_i^2, which keeps the scores of real examples near 0.

    For losses of score differences only, which leave the scores' level free to drift.

    Karras et al. 2018, "Progressive Growing of GANs", section A.1.
    """
    scores = score_fn(widen(made(outcome.real)), outcome.real_label)
    return weight * expectation(jnp.square, scores)

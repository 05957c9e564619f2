"""Losses that compare examples, features or codes, summed over each example."""

import jax.numpy as jnp
from jax import Array

from ganjax.axis import mean_over
from ganjax.losses._shared import check_paired
from ganjax.precision import by_example, mean, widen
from ganjax.types import Likelihood


def feature_matching(
    real_features: tuple[Array, ...],
    fake_features: tuple[Array, ...],
    *,
    axis_name: str | None = None,
) -> Array:
    """||E features(x) - E features(G(z))||^2, summed over all features of all layers.

    `E` is the mean over examples: a layer is `[B, ...]`. It is of the whole batch, so
    over the devices of `axis_name` too; real and generated may differ in number.

    Salimans et al. 2016, "Improved Techniques for Training GANs", section 3.1.
    """

    def distance(real: Array, fake: Array) -> Array:
        gap = mean(real, axis=0) - mean(fake, axis=0)
        return jnp.sum(jnp.square(mean_over(gap, axis_name)))

    layers = zip(real_features, fake_features, strict=True)
    first, *others = (distance(real, fake) for real, fake in layers)
    return sum(others, first)


def squared_error(real: Array, reconstruction: Array) -> Array:
    """E ||x - x'||^2 of examples `[B, ...]`, summed over all axes of an example.

    Hinton and Salakhutdinov 2006, "Reducing the Dimensionality of Data with Neural
    Networks", p. 504.
    """
    check_paired(real=real, reconstruction=reconstruction)
    return _mean_square(real, reconstruction)


def negative_log_likelihood(
    real: Array, made: Array, *, likelihood: Likelihood
) -> Array:
    """-E log p(x|z) in nats, of examples `[B, ...]` by what the generator made of z.

    Kingma and Welling 2014, "Auto-Encoding Variational Bayes", eq. 7-8.
    """
    return -mean(likelihood.log_p(real, made))


def gaussian_kl(
    mean_code: Array,
    log_var: Array,
    *,
    free_bits: float | Array = 0.0,
    axis_name: str | None = None,
) -> Array:
    """sum_j max(free_bits, E 1/2 (m_j^2 + exp(v_j) - 1 - v_j)): KL(q(z|x) || N(0, 1)).

    q(z|x) is N(m, exp(v)), mean and logarithm of the variance `[B, Z]` each; in nats,
    summed over latents. The KL of a latent below `free_bits` nats costs nothing more.
    That bound is of the mean over the batch, so over the devices of `axis_name` too.

    Kingma and Welling 2014, "Auto-Encoding Variational Bayes", section B; Kingma et al.
    2016, "Improved Variational Inference with Inverse Autoregressive Flow", eq. 15.
    """
    check_paired(mean=mean_code, log_var=log_var)
    m, v = widen(mean_code), widen(log_var)
    each = 0.5 * mean(jnp.square(m) + jnp.expm1(v) - v, axis=0)
    return jnp.sum(jnp.maximum(mean_over(each, axis_name), free_bits))


def feature_reconstruction(
    real_features: Array, reconstruction_features: Array
) -> Array:
    """1/2 E ||features(x) - features(x')||^2 of one layer `[B, ...]`.

    Summed over the features of an example: -log of a Gaussian of variance 1, without
    its constant.

    Larsen et al. 2016, "Autoencoding beyond pixels using a learned similarity metric",
    eq. 7-8.
    """
    check_paired(real=real_features, reconstruction=reconstruction_features)
    return 0.5 * _mean_square(real_features, reconstruction_features)


def _mean_square(one: Array, other: Array) -> Array:
    """Of the distances between examples."""
    square = jnp.square(widen(one) - widen(other))
    return mean(by_example(square).sum(axis=-1))

"""Losses that compare examples, or features of examples, with each other."""

import jax
import jax.numpy as jnp
from jax import Array

from ganjax.losses._shared import mean


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
        if axis_name is not None:
            gap = jax.lax.pmean(gap, axis_name)
        return jnp.sum(jnp.square(gap))

    layers = zip(real_features, fake_features, strict=True)
    first, *others = (distance(real, fake) for real, fake in layers)
    return sum(others, first)

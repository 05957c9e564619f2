"""Gaussian mixtures, drawn on the device."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ganjax.keys import example_keys
from ganjax.types import Batch, Source


def mixture(
    *,
    means: tuple[tuple[float, ...], ...],
    sds: tuple[float, ...],
    weights: tuple[float, ...],
) -> Source:
    """Points `[B, D]` of a mixture of isotropic Gaussians.

    Args:
      means: K points of D numbers.
      sds: K standard deviations; 0 gives point masses.
      weights: K positive numbers, in proportion to which the components are drawn.
    """
    arrays = {
        "means": np.asarray(means, np.float32),
        "sds": np.asarray(sds, np.float32),
        "weights": np.asarray(weights, np.float32),
    }

    def draw(arrays: dict[str, Array], key: Array) -> Array:
        which, where = jax.random.split(key)
        component = jax.random.categorical(which, jnp.log(arrays["weights"]))
        mean = jnp.asarray(arrays["means"])[component]
        noise = jax.random.normal(where, mean.shape, mean.dtype)
        return mean + jnp.asarray(arrays["sds"])[component] * noise

    def batch(
        arrays: dict[str, Array],
        key: Array,
        step: Array | int,
        round: Array | int,
        index: Array,
    ) -> Batch:
        keys = example_keys(key, step, round, index)
        return Batch(real=jax.vmap(draw, (None, 0))(arrays, keys))

    return Source(arrays, batch)


def ring(*, modes: int, radius: float, sd: float) -> Source:
    """`modes` distinct centres, evenly spaced on a circle, of equal weight."""
    # Not linspace(0, 2 pi, modes), whose first and last centres coincide.
    angles = 2 * np.pi * np.arange(modes) / modes
    means = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return _equal_weights(means, sd)


def grid(*, side: int, spacing: float, sd: float) -> Source:
    """`side` x `side` centres, `spacing` apart, around the origin, of equal weight."""
    ticks = spacing * (np.arange(side) - (side - 1) / 2)
    means = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    return _equal_weights(means, sd)


def _equal_weights(means: np.ndarray, sd: float) -> Source:
    count = len(means)
    return mixture(
        means=tuple(map(tuple, means.tolist())),
        sds=(sd,) * count,
        weights=(1.0,) * count,
    )

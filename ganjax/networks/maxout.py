"""The networks of the first GAN paper: a rectifier net against maxout with dropout.

Goodfellow et al. 2014, "Generative Adversarial Nets", section 5, with the sizes and
ranges of the authors' configuration for MNIST.
"""

import math
from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from ganjax.keys import fold
from ganjax.networks.dense import dense
from ganjax.networks.module import from_module
from ganjax.types import Examples, Network


def _uniform(reach: float) -> Callable[..., Array]:
    """U(-reach, reach)."""
    return partial(jax.random.uniform, minval=-reach, maxval=reach)


class _Generator(nn.Module):
    examples: Examples
    widths: tuple[int, ...]
    reach: float

    @nn.compact
    def __call__(self, latents: Array, label: Array | None, train: bool) -> Array:
        del label, train
        hidden = latents
        for width in self.widths:
            hidden = nn.relu(dense(width, kernel_init=_uniform(self.reach))(hidden))
        size = math.prod(self.examples.shape)
        flat = dense(size, kernel_init=_uniform(self.reach))(hidden)
        # The paper's sigmoid, from [0, 1] to [-1, 1].
        return jnp.tanh(flat / 2).reshape(-1, *self.examples.shape)


def generator(
    examples: Examples,
    *,
    widths: tuple[int, ...],
    reach: float,
) -> Network:
    """Latents `[B, Z]` to examples `[B, *examples.shape]` by rectifiers and a sigmoid.

    Args:
      examples: what they look like.
      widths: of the hidden layers.
      reach: of the initial weights, uniform in [-reach, reach].
    """
    return from_module(_Generator(examples, widths, reach))


class _Discriminator(nn.Module):
    units: tuple[int, ...]
    pieces: int
    keep_input: float
    keep_hidden: float
    reach: float

    @nn.compact
    def __call__(
        self, examples: Array, keys: Array, train: bool
    ) -> tuple[Array, None, tuple[Array, ...]]:
        features = []
        drawn = keys if train else None
        # From [-1, 1] to the paper's [0, 1], for which its rates and ranges are.
        hidden = (examples.reshape(examples.shape[0], -1) + 1) / 2
        for layer, units in enumerate(self.units):
            keep = self.keep_hidden if layer else self.keep_input
            hidden = _dropout(hidden, drawn, keep, layer)
            kernel = _uniform(self.reach)
            pieces = dense(units * self.pieces, kernel_init=kernel)(hidden)
            hidden = pieces.reshape(-1, units, self.pieces).max(axis=-1)
            features.append(hidden)
        hidden = _dropout(hidden, drawn, self.keep_hidden, len(self.units))
        score = dense(1, kernel_init=_uniform(self.reach))(hidden)
        return jnp.squeeze(score, -1), None, tuple(features)


def discriminator(
    examples: Examples,
    *,
    units: tuple[int, ...],
    pieces: int,
    keep_input: float,
    keep_hidden: float,
    reach: float,
) -> Network:
    """Examples `[B, ...]` to `(score [B], None, features)` by maxout with dropout.

    Args:
      examples: unused; any shape is flattened.
      units: maxout units of each hidden layer.
      pieces: linear pieces whose greatest a unit takes.
      keep_input: probability that dropout keeps an input, and
      keep_hidden: a hidden unit; what is kept is scaled up by its inverse.
      reach: of the initial weights, uniform in [-reach, reach].

    Goodfellow et al. 2013, "Maxout Networks", section 3.
    """
    del examples
    return from_module(_Discriminator(units, pieces, keep_input, keep_hidden, reach))


def _dropout(values: Array, keys: Array | None, keep: float, purpose: int) -> Array:
    """Drops each of `values [B, F]` by its example's own key; none without keys."""
    if keys is None:
        return values
    draw = lambda key: jax.random.bernoulli(key, keep, values.shape[1:])  # noqa: E731
    return jnp.where(jax.vmap(draw)(fold(keys, purpose)), values / keep, 0.0)

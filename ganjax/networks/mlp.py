"""Fully connected networks, for points and for images of any shape."""

import math
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from ganjax.types import Network, Tree


class _Layers(nn.Module):
    """Dense layers, each normalised over the batch if asked, then leaky-rectified.

    Returns the activations of all layers, first to last.
    """

    widths: tuple[int, ...]
    slope: float
    batch_norm: bool
    axis_name: str | None

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> tuple[Array, ...]:
        features = []
        hidden = inputs.reshape(inputs.shape[0], -1)
        for width in self.widths:
            hidden = nn.Dense(width, use_bias=not self.batch_norm)(hidden)
            # Normalised after the last activation, a discriminator would have the same
            # mean score on every batch, and a loss linear in the score no gradient.
            if self.batch_norm:
                hidden = nn.BatchNorm(
                    use_running_average=not train,
                    momentum=0.9,
                    axis_name=self.axis_name,
                )(hidden)
            hidden = nn.leaky_relu(hidden, self.slope)
            features.append(hidden)
        return tuple(features)


class _Generator(nn.Module):
    layers: _Layers
    example_shape: tuple[int, ...]
    output: str

    @nn.compact
    def __call__(self, latents: Array, train: bool) -> Array:
        hidden = self.layers(latents, train)[-1]
        flat = nn.Dense(math.prod(self.example_shape))(hidden)
        examples = flat.reshape(flat.shape[0], *self.example_shape)
        return jnp.tanh(examples) if self.output == "tanh" else examples


class _Discriminator(nn.Module):
    layers: _Layers

    @nn.compact
    def __call__(
        self, examples: Array, train: bool
    ) -> tuple[Array, None, tuple[Array, ...]]:
        features = self.layers(examples, train)
        score = nn.Dense(1)(features[-1])
        return jnp.squeeze(score, -1), None, features


def _network(module: nn.Module) -> Network:
    def init(key: Array, inputs: Array) -> Any:
        return module.init(key, inputs, train=True)

    def apply(
        variables: Any,
        inputs: Array,
        label: Array | None,
        keys: Array,
        *,
        train: bool,
    ) -> tuple[Any, dict[str, Tree]]:
        state = [name for name in variables if name != "params"] if train else []
        output, mutable = module.apply(variables, inputs, train=train, mutable=state)
        return output, dict(mutable)

    return Network(init, apply)


def generator(
    example_shape: tuple[int, ...],
    *,
    axis_name: str | None,
    widths: tuple[int, ...],
    slope: float,
    normalization: str,
    output: str,
) -> Network:
    """Latents `[B, Z]` to examples `[B, *example_shape]`.

    Args:
      example_shape: of one example.
      axis_name: the device axis over which batch statistics are taken, if any.
      widths: of the hidden layers.
      slope: of the leaky rectifier below zero.
      normalization: "none" or "batch", before each activation.
      output: "linear", or "tanh" for images in [-1, 1].
    """
    layers = _Layers(widths, slope, normalization == "batch", axis_name)
    return _network(_Generator(layers, example_shape, output))


def discriminator(
    *,
    axis_name: str | None,
    widths: tuple[int, ...],
    slope: float,
    normalization: str,
) -> Network:
    """Examples `[B, ...]` to `(score [B], None, features)`; see `generator`."""
    layers = _Layers(widths, slope, normalization == "batch", axis_name)
    return _network(_Discriminator(layers))

"""Fully connected networks, for points and for images of any shape."""

import math

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from ganjax.networks.dense import dense
from ganjax.networks.layers import (
    Embedding,
    Head,
    Posterior,
    batch_norm,
    read_out,
)
from ganjax.networks.module import from_module
from ganjax.types import Examples, Network


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
            hidden = dense(width, use_bias=not self.batch_norm)(hidden)
            # Normalised after the last activation, a discriminator would have the same
            # mean score on every batch, and a loss linear in the score no gradient.
            if self.batch_norm:
                hidden = batch_norm(self.axis_name, train)(hidden)
            hidden = nn.leaky_relu(hidden, self.slope)
            features.append(hidden)
        return tuple(features)


class _Generator(nn.Module):
    layers: _Layers
    examples: Examples
    conditional: bool
    output: str

    @nn.compact
    def __call__(self, latents: Array, label: Array | None, train: bool) -> Array:
        classes = self.examples.classes if self.conditional else 0
        inputs = Embedding(classes)(latents, label)
        hidden = self.layers(inputs, train)[-1]
        flat = dense(math.prod(self.examples.shape))(hidden)
        made = flat.reshape(flat.shape[0], *self.examples.shape)
        return jnp.tanh(made) if self.output == "tanh" else made


class _Encoder(nn.Module):
    layers: _Layers
    latent_size: int

    @nn.compact
    def __call__(
        self, examples: Array, label: Array | None, train: bool
    ) -> tuple[Array, Array]:
        return Posterior(self.latent_size)(self.layers(examples, train)[-1])


def fourier_features(inputs: Array, octaves: int) -> Array:
    """Inputs `[B, D]` beside waves of them, `[B, D (1 + 2 octaves)]`.

    x, and for k below `octaves` 2^(-k/2) sin(2^k pi x) and 2^(-k/2) cos(2^k pi x). A
    network learns what varies slowly with its inputs first, and hardly ever what varies
    fast (Tancik et al. 2020, "Fourier Features Let Networks Learn High Frequency
    Functions in Low Dimensional Domains"); here the slope of a wave grows as its
    frequency's square root, so that slow ones lead.
    """
    waves = [inputs]
    for octave in range(octaves):
        angle = 2.0**octave * jnp.pi * inputs
        scale = 2.0 ** (-octave / 2)
        waves += [scale * jnp.sin(angle), scale * jnp.cos(angle)]
    return jnp.concatenate(waves, axis=-1)


class _Discriminator(nn.Module):
    layers: _Layers
    head: Head
    octaves: int

    @nn.compact
    def __call__(
        self, examples: Array, label: Array | None, train: bool
    ) -> tuple[Array, Array | None, tuple[Array, ...]]:
        inputs = examples.reshape(examples.shape[0], -1)
        features = self.layers(fourier_features(inputs, self.octaves), train)
        score, logits = read_out(self.head, dense, features[-1], label)
        return score, logits, features


def generator(
    examples: Examples,
    *,
    axis_name: str | None,
    widths: tuple[int, ...],
    slope: float,
    normalization: str,
    output: str,
    conditioning: str,
) -> Network:
    """Latents `[B, Z]` to examples `[B, *examples.shape]`.

    Args:
      examples: what they look like.
      axis_name: the device axis over which batch statistics are taken, if any.
      widths: of the hidden layers.
      slope: of the leaky rectifier below zero.
      normalization: "none" or "batch", before each activation.
      output: "linear", or "tanh" for images in [-1, 1].
      conditioning: "none", or "embedding" of the class beside the latents.
    """
    layers = _Layers(widths, slope, normalization == "batch", axis_name)
    conditional = conditioning == "embedding"
    return from_module(_Generator(layers, examples, conditional, output))


def encoder(
    examples: Examples,
    latent_size: int,
    *,
    axis_name: str | None,
    widths: tuple[int, ...],
    slope: float,
    normalization: str,
) -> Network:
    """Examples `[B, ...]` to `(mean, log_var)` of latents, each `[B, latent_size]`.

    See `generator` for the rest.
    """
    layers = _Layers(widths, slope, normalization == "batch", axis_name)
    return from_module(_Encoder(layers, latent_size))


def discriminator(
    examples: Examples,
    *,
    axis_name: str | None,
    widths: tuple[int, ...],
    slope: float,
    normalization: str,
    conditioning: str,
    head: str,
    octaves: int,
) -> Network:
    """Examples `[B, ...]` to `(score [B], logits [B, K] or None, features)`.

    `conditioning` of the score is "none" or "projection"; `head` is "score",
    "score_and_logits", "logits" or "log_probability", see `read_out`; `octaves` of
    waves stand beside the inputs, see `fourier_features`; see `generator` for the rest.
    """
    layers = _Layers(widths, slope, normalization == "batch", axis_name)
    made = Head(head, examples.classes, conditioning)
    return from_module(_Discriminator(layers, made, octaves), classes=made.logits)

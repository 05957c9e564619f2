"""The convolutional GAN, for images of any height, width and number of channels.

Radford et al. 2016, "Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks", section 3: strided convolutions in place of pooling,
kernels drawn from N(0, 0.02^2).
"""

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from ganjax.networks.convolution import Convolution, TransposedConvolution
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

_KERNEL, _STRIDES = (4, 4), (2, 2)
_INIT = nn.initializers.normal(0.02)


def _sizes(shape: tuple[int, ...], stages: int) -> list[tuple[int, int]]:
    """Height and width of an image after 0, 1, ... halvings, each rounded up."""
    sizes = [(shape[0], shape[1])]
    for _ in range(stages):
        height, width = sizes[-1]
        sizes.append((math.ceil(height / 2), math.ceil(width / 2)))
    return sizes


class _Generator(nn.Module):
    examples: Examples
    channels: tuple[int, ...]
    batch_norm: bool
    axis_name: str | None
    classes: int
    output: str

    @nn.compact
    def __call__(self, latents: Array, label: Array | None, train: bool) -> Array:
        def activate(hidden: Array) -> Array:
            if self.batch_norm:
                hidden = batch_norm(self.axis_name, train)(hidden)
            return nn.relu(hidden)

        *sizes, first = _sizes(self.examples.shape, len(self.channels))
        use_bias = not self.batch_norm
        units = math.prod(first) * self.channels[0]
        inputs = Embedding(self.classes)(latents, label)
        hidden = dense(units, use_bias=use_bias, kernel_init=_INIT)(inputs)
        hidden = activate(hidden.reshape(-1, *first, self.channels[0]))
        for size, features in zip(reversed(sizes[1:]), self.channels[1:], strict=True):
            hidden = activate(self._up(features, size, use_bias)(hidden))
        images = self._up(self.examples.shape[2], sizes[0], True)(hidden)
        return jnp.tanh(images) if self.output == "tanh" else images

    def _up(self, features: int, size: tuple[int, int], use_bias: bool) -> nn.Module:
        return TransposedConvolution(
            features, _KERNEL, size, _STRIDES, use_bias=use_bias, kernel_init=_INIT
        )


def _features(
    module: "_Encoder | _Discriminator",
    images: Array,
    train: bool,
    constrained: Callable[[nn.Module], nn.Module] = lambda layer: layer,
    **keywords: Any,
) -> tuple[Array, ...]:
    """The activations of strided convolutions, in the scope of the module that calls.

    `constrained` wraps each convolution; the keywords are those of its call.
    """
    features: list[Array] = []
    hidden = images
    for width in module.channels:
        # The first layer must see the images as they are.
        normalize = module.normalization == "batch" and bool(features)
        layer = Convolution(
            width, _KERNEL, _STRIDES, use_bias=not normalize, kernel_init=_INIT
        )
        hidden = constrained(layer)(hidden, **keywords)
        if normalize:
            hidden = batch_norm(module.axis_name, train)(hidden)
        hidden = nn.leaky_relu(hidden, module.slope)
        features.append(hidden)
    return tuple(features)


class _Encoder(nn.Module):
    channels: tuple[int, ...]
    slope: float
    normalization: str
    axis_name: str | None
    latent_size: int

    @nn.compact
    def __call__(
        self, images: Array, label: Array | None, train: bool
    ) -> tuple[Array, Array]:
        return Posterior(self.latent_size)(_features(self, images, train)[-1])


class _Discriminator(nn.Module):
    channels: tuple[int, ...]
    slope: float
    normalization: str
    axis_name: str | None
    head: Head

    @nn.compact
    def __call__(
        self, images: Array, label: Array | None, train: bool
    ) -> tuple[Array, Array | None, tuple[Array, ...]]:
        spectral = self.normalization == "spectral"
        update: dict[str, Any] = {"update_stats": train} if spectral else {}

        def constrained(layer: nn.Module) -> nn.Module:
            return nn.SpectralNorm(layer) if spectral else layer

        def linear(units: int) -> nn.Module:
            return constrained(dense(units, kernel_init=_INIT))

        features = _features(self, images, train, constrained, **update)
        score, logits = read_out(self.head, linear, features[-1], label, **update)
        return score, logits, features


def generator(
    examples: Examples,
    *,
    axis_name: str | None,
    channels: tuple[int, ...],
    normalization: str,
    conditioning: str,
    output: str = "tanh",
) -> Network:
    """Latents `[B, Z]` to images `[B, *examples.shape]`.

    Args:
      examples: what they look like, height, width and channels.
      axis_name: the device axis over which batch statistics are taken, if any.
      channels: of the hidden layers, the smallest images first; each doubles the size.
      normalization: "none" or "batch", before each activation.
      conditioning: "none", or "embedding" of the class beside the latents.
      output: "tanh" for images in [-1, 1], or "linear".
    """
    classes = examples.classes if conditioning == "embedding" else 0
    return from_module(
        _Generator(
            *(examples, channels, normalization == "batch", axis_name),
            *(classes, output),
        )
    )


def encoder(
    examples: Examples,
    latent_size: int,
    *,
    axis_name: str | None,
    channels: tuple[int, ...],
    slope: float,
    normalization: str,
) -> Network:
    """Images `[B, H, W, C]` to `(mean, log_var)` of latents, each `[B, latent_size]`.

    `normalization` is "none", or "batch" after each convolution but the first; see
    `discriminator` for the rest.
    """
    return from_module(_Encoder(channels, slope, normalization, axis_name, latent_size))


def discriminator(
    examples: Examples,
    *,
    axis_name: str | None,
    channels: tuple[int, ...],
    slope: float,
    normalization: str,
    conditioning: str,
    head: str,
) -> Network:
    """Images `[B, H, W, C]` to `(score [B], logits [B, K] or None, features)`.

    Args:
      examples: what they look like.
      axis_name: the device axis over which batch statistics are taken, if any.
      channels: of the hidden layers, the largest images first; each halves the size.
      slope: of the leaky rectifier below zero.
      normalization: "none"; "batch", after each convolution but the first; or
        "spectral", each kernel divided by its largest singular value, found by one
        step of power iteration a call (Miyato et al. 2018, "Spectral Normalization for
        Generative Adversarial Networks", algorithm 1).
      conditioning: of the score, "none" or "projection".
      head: "score", "score_and_logits", "logits" or "log_probability"; see
        `read_out`.

    Features are those of the convolutions, `[B, h, w, c]`.
    """
    made = Head(head, examples.classes, conditioning)
    return from_module(
        _Discriminator(channels, slope, normalization, axis_name, made),
        classes=made.logits,
    )

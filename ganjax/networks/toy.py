"""Networks so small that the whole game can be worked out on paper."""

import math

import flax.linen as nn
import jax.numpy as jnp
from jax import Array
from jax.nn.initializers import constant

from ganjax.networks.module import from_module
from ganjax.types import Examples, Network


class _Constant(nn.Module):
    shape: tuple[int, ...]
    start: float

    @nn.compact
    def __call__(self, latents: Array, label: Array | None, train: bool) -> Array:
        del label, train
        theta = self.param("theta", constant(self.start), self.shape)
        return jnp.broadcast_to(theta, (latents.shape[0], *self.shape))


class _Linear(nn.Module):
    start: float

    @nn.compact
    def __call__(
        self, examples: Array, label: Array | None, train: bool
    ) -> tuple[Array, None, tuple[Array, ...]]:
        del label, train
        psi = self.param("psi", constant(self.start), examples.shape[1:])
        axes = range(1, examples.ndim)
        return jnp.sum(psi * examples, axis=tuple(axes)), None, ()


class _Affine(nn.Module):
    shape: tuple[int, ...]
    mean: float
    sd: float

    @nn.compact
    def __call__(self, latents: Array, label: Array | None, train: bool) -> Array:
        del label, train
        size = (math.prod(self.shape),)
        mean = self.param("mean", constant(self.mean), size)
        sd = self.param("sd", constant(self.sd), size)
        if latents.shape[1:] != size:
            raise ValueError(f"latents must be [B, {size[0]}], not {latents.shape}")
        return (mean + sd * latents).reshape(-1, *self.shape)


class _Tanh(nn.Module):
    widths: tuple[int, ...]

    @nn.compact
    def __call__(
        self, examples: Array, label: Array | None, train: bool
    ) -> tuple[Array, None, tuple[Array, ...]]:
        del label, train
        features = []
        hidden = examples.reshape(examples.shape[0], -1)
        for width in self.widths:
            hidden = nn.tanh(nn.Dense(width)(hidden))
            features.append(hidden)
        return jnp.squeeze(nn.Dense(1)(hidden), -1), None, tuple(features)


def constant_generator(examples: Examples, *, start: float) -> Network:
    """G(z) = theta, an example `[*examples.shape]` learned from `start` everywhere.

    With data at 0 and `linear_discriminator` it is the Dirac-GAN of Mescheder et al.
    2018, "Which Training Methods for GANs do actually Converge?", definition 2.1.
    """
    return from_module(_Constant(examples.shape, start))


def linear_discriminator(examples: Examples, *, start: float) -> Network:
    """score(x) = <psi, x>, psi learned from `start` everywhere; no features."""
    del examples
    return from_module(_Linear(start))


def affine_generator(examples: Examples, *, mean: float, sd: float) -> Network:
    """G(z) = mean + sd z, coordinate by coordinate, both learned from these values.

    Latents have one number for each coordinate. N(mean, sd^2) if z ~ N(0, 1), so the
    sign of a learned sd means nothing.

    Nowozin et al. 2016, "f-GAN", section 2.4, in one dimension.
    """
    return from_module(_Affine(examples.shape, mean, sd))


def tanh_discriminator(examples: Examples, *, widths: tuple[int, ...]) -> Network:
    """Examples to `(score [B], None, features)` by dense layers of tanh.

    `affine_generator`'s opponent in the paper, with widths of (64, 64).
    """
    del examples
    return from_module(_Tanh(widths))

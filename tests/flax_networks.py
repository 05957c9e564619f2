"""A GAN of plain flax, as somebody's own: convolutions that are none of ours."""

import flax.linen as nn
import jax.numpy as jnp
from toys import make_build

from ganjax.networks.module import from_module
from ganjax.types import Examples

EXAMPLES = Examples((8, 8, 1), 3)


class _Generator(nn.Module):
    @nn.compact
    def __call__(self, latents, label, train):
        hidden = nn.relu(nn.Dense(2 * 2 * 4)(latents)).reshape(-1, 2, 2, 4)
        hidden = nn.relu(nn.ConvTranspose(3, (4, 4), (2, 2))(hidden))
        return jnp.tanh(nn.ConvTranspose(1, (4, 4), (2, 2))(hidden))


class _Discriminator(nn.Module):
    @nn.compact
    def __call__(self, images, label, train):
        hidden = nn.leaky_relu(nn.Conv(3, (4, 4), (2, 2))(images))
        hidden = nn.leaky_relu(nn.Conv(4, (4, 4), (2, 2))(hidden))
        return nn.Dense(1)(hidden.reshape(len(hidden), -1))[:, 0], None, (hidden,)


def build():
    """The build of a step, with a gradient penalty: derivatives of derivatives."""
    return make_build(
        objective_names=("hinge",),
        penalty_names=("r1",),
        networks={
            "generator": from_module(_Generator()),
            "discriminator": from_module(_Discriminator()),
        },
        examples=EXAMPLES,
    )

"""Networks, as pairs of pure functions. The only folder that imports flax.

`dense` is `mlp` with the sizes, the batch norm and the tanh of the dense image GAN as
its defaults; see `ganjax.config.schema.NETWORKS`.
"""

from collections.abc import Callable

from ganjax.networks import dcgan, maxout, mlp, toy
from ganjax.types import Network

NETWORKS: dict[str, dict[str, Callable[..., Network]]] = {
    "mlp": {
        "generator": mlp.generator,
        "discriminator": mlp.discriminator,
        "encoder": mlp.encoder,
    },
    "dense": {
        "generator": mlp.generator,
        "discriminator": mlp.discriminator,
        "encoder": mlp.encoder,
    },
    "dcgan": {
        "generator": dcgan.generator,
        "discriminator": dcgan.discriminator,
        "encoder": dcgan.encoder,
    },
    "maxout": {"generator": maxout.generator, "discriminator": maxout.discriminator},
    "dirac": {
        "generator": toy.constant_generator,
        "discriminator": toy.linear_discriminator,
    },
    "affine": {
        "generator": toy.affine_generator,
        "discriminator": toy.tanh_discriminator,
    },
}

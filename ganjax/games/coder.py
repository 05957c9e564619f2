"""What the games with an encoder share: codes, and latents of the prior."""

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import Array

from ganjax.keys import fold
from ganjax.types import Examples, Mutable, Network, Players, Variables


class Use(IntEnum):
    """What a round's keys are used for; no two draws share one."""

    ENCODER = 0
    GENERATOR = 1
    CODE = 2
    LATENTS = 3
    PIXELS = 4
    SCORES = 5
    VIEW = 6


class Encode(Protocol):
    """Examples to codes: `((mean, log_var), mutable)`, of `[B, Z]`."""

    def __call__(
        self,
        variables: Players,
        examples: Array,
        label: Array | None,
        keys: Array,
        /,
        *,
        train: bool,
    ) -> tuple[tuple[Array, Array], Mutable]:
        """Plays the encoder."""


class Decode(Protocol):
    """Latents `[B, Z]` to what the generator makes: `(examples, mutable)`."""

    def __call__(
        self,
        variables: Players,
        latents: Array,
        label: Array | None,
        keys: Array,
        /,
        *,
        train: bool,
    ) -> tuple[Array, Mutable]:
        """Plays the generator."""


class Coder(NamedTuple):
    """An encoder and a generator, and `init(key) -> {player: variables}` of both."""

    init: Callable[[Array], dict[str, Variables]]
    encode: Encode
    decode: Decode


def make_coder(
    networks: Mapping[str, Network], examples: Examples, latent_size: int
) -> Coder:
    """The coder of the networks "encoder" and "generator"."""
    encoder, generator = networks["encoder"], networks["generator"]

    def init(key: Array) -> dict[str, Variables]:
        blank = jnp.zeros((2, *examples.shape))
        latents = jnp.zeros((2, latent_size))
        label = jnp.zeros(2, jnp.int32) if examples.classes else None
        keys = [jax.random.fold_in(key, player) for player in range(2)]
        return {
            "encoder": encoder.init(keys[0], blank, label),
            "generator": generator.init(keys[1], latents, label),
        }

    def encode(
        variables: Players,
        examples: Array,
        label: Array | None,
        keys: Array,
        *,
        train: bool,
    ) -> tuple[tuple[Array, Array], Mutable]:
        own = variables["encoder"]
        return encoder.apply(own, examples, label, fold(keys, Use.ENCODER), train=train)

    def decode(
        variables: Players,
        latents: Array,
        label: Array | None,
        keys: Array,
        *,
        train: bool,
    ) -> tuple[Array, Mutable]:
        own = variables["generator"]
        return generator.apply(
            own, latents, label, fold(keys, Use.GENERATOR), train=train
        )

    return Coder(init, encode, decode)


def draw_normal(keys: Array, use: int, size: int) -> Array:
    """Latents `[B, size]` of N(0, 1), one row of each key."""
    draw = lambda key: jax.random.normal(key, (size,))  # noqa: E731
    return jax.vmap(draw)(fold(keys, use))


def draw_code(mean: Array, log_var: Array, keys: Array) -> Array:
    """A code `[B, Z]` of N(mean, exp(log_var)), differentiable in both.

    Kingma and Welling 2014, "Auto-Encoding Variational Bayes", section 2.4.
    """
    noise = draw_normal(keys, Use.CODE, mean.shape[-1])
    return mean + jnp.exp(0.5 * log_var) * noise


def draw_prior(keys: Array, latent_size: int) -> Array:
    """Latents `[B, Z]` of N(0, 1)."""
    return draw_normal(keys, Use.LATENTS, latent_size)

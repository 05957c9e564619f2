"""Probes of latents: what is decoded of given ones, and between two."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jax import Array

from ganjax.types import Batch, Variables

_MOMENTS = 9  # odd, so that the middle one lies halfway

# (variables, latents [B, Z], batch, keys) -> examples [B, ...], in evaluation mode.
Decode = Callable[[Mapping[str, Variables], Array, Batch, Array], Array]


def make_decode(decode: Decode) -> Callable[..., Array]:
    """The probe `decode [B, ...]`: examples of the batch's `latents`."""

    def probe(variables: Mapping[str, Variables], batch: Batch, keys: Array) -> Array:
        assert batch.latents is not None
        return decode(variables, batch.latents, batch, keys)

    return probe


def make_interpolation(
    decode: Decode, ends: Callable[..., tuple[Array, Array]]
) -> Callable[..., Array]:
    """The probe `interpolation [B, 9, ...]`: examples along straight lines of latents.

    From a through 0.5 a + 0.5 b in the middle to b, where `ends(variables, batch, keys)
    -> (a, b)`, each `[B, Z]`.
    """

    def probe(variables: Mapping[str, Variables], batch: Batch, keys: Array) -> Array:
        start, end = ends(variables, batch, keys)

        def between(part: Array) -> Array:
            return decode(variables, start + (end - start) * part, batch, keys)

        return jax.vmap(between, out_axes=1)(jnp.linspace(0, 1, _MOMENTS))

    return probe

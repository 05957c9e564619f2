"""Probes of a discriminator: what it says of examples outside training."""

from collections.abc import Callable, Mapping

import jax.numpy as jnp
from jax import Array

from ganjax.types import Batch, Network, Variables


def make_classify(discriminator: Network) -> Callable[..., Array]:
    """The probe `classify`: the likeliest class int32 `[B]` of each real example."""

    def classify(
        variables: Mapping[str, Variables], batch: Batch, keys: Array
    ) -> Array:
        (_, logits, _), _ = discriminator.apply(
            variables["discriminator"], batch.real, batch.label, keys, train=False
        )
        return jnp.argmax(logits, axis=-1)

    return classify


def make_score(discriminator: Network) -> Callable[..., Array]:
    """The probe `score`: that of each real example `[B]`."""

    def score(variables: Mapping[str, Variables], batch: Batch, keys: Array) -> Array:
        (scores, _, _), _ = discriminator.apply(
            variables["discriminator"], batch.real, batch.label, keys, train=False
        )
        return scores

    return score

"""Probes of a discriminator: what it says of examples outside training."""

from collections.abc import Callable, Mapping

import jax
from jax import Array

from ganjax.types import Batch, Network, Variables


def make_classify(discriminator: Network) -> Callable[..., Array]:
    """The probe `classify [B, K]`: log p(class | example), of the logits' softmax."""

    def classify(
        variables: Mapping[str, Variables], batch: Batch, keys: Array
    ) -> Array:
        (_, logits, _), _ = discriminator.apply(
            variables["discriminator"], batch.real, batch.label, keys, train=False
        )
        return jax.nn.log_softmax(logits)

    return classify


def make_score(discriminator: Network) -> Callable[..., Array]:
    """The probe `score`: that of each real example `[B]`."""

    def score(variables: Mapping[str, Variables], batch: Batch, keys: Array) -> Array:
        (scores, _, _), _ = discriminator.apply(
            variables["discriminator"], batch.real, batch.label, keys, train=False
        )
        return scores

    return score

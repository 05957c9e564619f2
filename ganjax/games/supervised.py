"""The supervised game: a discriminator alone, which learns the classes."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array

from ganjax.games.judgement import make_classify
from ganjax.keys import fold
from ganjax.types import (
    Batch,
    Examples,
    Game,
    Network,
    Outcome,
    Tree,
    Variables,
    View,
)

_REAL, _VIEW = range(2)  # what a round's keys are used for


def supervised(
    networks: Mapping[str, Network],
    examples: Examples,
    view: View = lambda examples, keys: examples,
) -> Game:
    """A discriminator, which has no opponent, gives real examples class logits.

    Args:
      networks: "discriminator", which makes class logits.
      examples: what they look like, for initialisation.
      view: what the discriminator sees of examples in training; of itself, all.

    The outcome holds real examples as they are before the view, their logits, features
    and labels. Probe, without the view: `classify [B, K]`, log p(class | example) of
    the given batch.
    """
    discriminator = networks["discriminator"]

    def init(key: Array) -> dict[str, Variables]:
        blank, label = jnp.zeros((2, *examples.shape)), jnp.zeros(2, jnp.int32)
        return {"discriminator": discriminator.init(key, blank, label)}

    def forward(
        variables: Mapping[str, Variables],
        examples: Array,
        label: Array | None,
        keys: Array,
    ) -> tuple[Any, dict[str, Tree]]:
        seen = view(examples, fold(keys, _VIEW))
        own = variables["discriminator"]
        return discriminator.apply(own, seen, label, fold(keys, _REAL), train=True)

    def play(
        variables: Mapping[str, Variables], batch: Batch, keys: Array
    ) -> tuple[Outcome, dict[str, dict[str, Tree]]]:
        output, state = forward(variables, batch.real, batch.label, keys)
        outcome = Outcome(
            real=batch.real,
            real_logits=output[1],
            real_features=output[2],
            real_label=batch.label,
            is_labelled=batch.is_labelled,
        )
        return outcome, {"discriminator": state}

    def score(
        variables: Mapping[str, Variables],
        examples: Array,
        label: Array | None,
        keys: Array,
    ) -> Array:
        output, _ = forward(variables, examples, label, keys)
        return output[0]

    return Game(init, play, score, {"classify": make_classify(discriminator)})

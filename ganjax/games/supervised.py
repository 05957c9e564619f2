"""The supervised game: a discriminator alone, which learns the classes."""

from collections.abc import Mapping

import jax.numpy as jnp
from jax import Array

from ganjax.games.judgement import Judge
from ganjax.games.probes import make_classify
from ganjax.keys import fold
from ganjax.types import (
    Batch,
    Examples,
    Game,
    Mutable,
    Network,
    Outcome,
    Players,
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

    judge = Judge(
        discriminator,
        view,
        view_keys=lambda keys, use: fold(keys, _VIEW),
        own_keys=fold,
    )

    def init(key: Array) -> dict[str, Variables]:
        blank, label = jnp.zeros((2, *examples.shape)), jnp.zeros(2, jnp.int32)
        return {"discriminator": discriminator.init(key, blank, label)}

    def play(
        variables: Players, batch: Batch, keys: Array
    ) -> tuple[Outcome, dict[str, Mutable]]:
        own, shown = variables["discriminator"], {_REAL: batch.real}
        said, state = judge.round(own, shown, batch.label, keys)
        outcome = Outcome(
            real=batch.real,
            real_logits=said[_REAL].logits,
            real_features=said[_REAL].features,
            real_label=batch.label,
            is_labelled=batch.is_labelled,
        )
        return outcome, {"discriminator": state}

    probes = {"classify": make_classify(discriminator)}
    return Game(init, play, judge.make_score(_REAL), probes)

"""The adversarial game: a generator against a discriminator."""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from ganjax.games.judgement import Judge
from ganjax.games.probes import make_classify, make_latent_probes, make_score
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

PRIORS = {
    "normal": lambda key, size: jax.random.normal(key, (size,)),
    "uniform": lambda key, size: jax.random.uniform(key, (size,), minval=-1.0),
}

# What a round's keys are used for; no two draws share one.
_LATENTS, _GENERATOR, _REAL, _FAKE, _END, _VIEW = range(6)


def adversarial(
    networks: Mapping[str, Network],
    examples: Examples,
    view: View = lambda examples, keys: examples,
    *,
    latent_size: int,
    prior: str,
) -> Game:
    """A generator maps latents to examples; a discriminator scores both kinds.

    Args:
      networks: "generator" and "discriminator".
      examples: what they look like, for initialisation.
      view: what the discriminator sees of examples in training; of itself, all.
      latent_size: dimension Z of the latents.
      prior: their distribution, "normal" N(0, 1) or "uniform" U(-1, 1) per component.

    The outcome holds real and fake as they are before the view, their scores, logits,
    features and labels; a fake has the label of the real example of its index. `score`
    sees its examples as `play` sees the real ones. Probes, without the view: `latents
    [B, Z]` of the prior, and `sample [B, ...]` of these; `decode [B, ...]` of the
    batch's `latents`; `interpolation [B, 9, ...]`, along the straight line between two
    latents; `score [B]` of the given batch; and where the discriminator makes class
    logits `classify [B, K]`, log p(class | example) of the given batch.
    """
    generator, discriminator = networks["generator"], networks["discriminator"]

    def draw(keys: Array, purpose: int = _LATENTS) -> Array:
        draw_one = lambda key: PRIORS[prior](key, latent_size)  # noqa: E731
        return jax.vmap(draw_one)(fold(keys, purpose))

    judge = Judge(
        discriminator,
        view,
        view_keys=lambda keys, use: fold(fold(keys, _VIEW), use),
        own_keys=fold,
    )

    def init(key: Array) -> dict[str, Variables]:
        latents = jnp.zeros((2, latent_size))
        blank = jnp.zeros((2, *examples.shape))
        label = jnp.zeros(2, jnp.int32) if examples.classes else None
        keys = [jax.random.fold_in(key, player) for player in range(2)]
        return {
            "generator": generator.init(keys[0], latents, label),
            "discriminator": discriminator.init(keys[1], blank, label),
        }

    def play(
        variables: Players, batch: Batch, keys: Array
    ) -> tuple[Outcome, dict[str, Mutable]]:
        fake, generator_state = generator.apply(
            variables["generator"],
            draw(keys),
            batch.label,
            fold(keys, _GENERATOR),
            train=True,
        )
        shown = {_REAL: batch.real, _FAKE: fake}
        said, state = judge.round(variables["discriminator"], shown, batch.label, keys)
        outcome = Outcome(
            real=batch.real,
            fake=fake,
            real_score=said[_REAL].score,
            fake_score=said[_FAKE].score,
            real_logits=said[_REAL].logits,
            fake_logits=said[_FAKE].logits,
            real_features=said[_REAL].features,
            fake_features=said[_FAKE].features,
            real_label=batch.label,
            fake_label=batch.label,
            is_labelled=batch.is_labelled,
        )
        return outcome, {"generator": generator_state, "discriminator": state}

    def generate(
        variables: Players, latents: Array, batch: Batch, keys: Array
    ) -> Array:
        examples, _ = generator.apply(
            variables["generator"],
            latents,
            batch.label,
            fold(keys, _GENERATOR),
            train=False,
        )
        return examples

    probes = {
        **make_latent_probes(generate, draw, partial(draw, purpose=_END)),
        "score": make_score(discriminator),
    }
    if discriminator.classes:
        probes["classify"] = make_classify(discriminator)
    return Game(init, play, judge.make_score(_REAL), probes)

"""The adversarial game: a generator against a discriminator."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ganjax.games.judgement import make_classify, make_score
from ganjax.games.latents import make_decode, make_interpolation
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

    def judge(
        opponent: Variables, examples: Array, label: Array | None, keys: Array, use: int
    ) -> tuple[Any, dict[str, Tree]]:
        seen = view(examples, fold(fold(keys, _VIEW), use))
        return discriminator.apply(opponent, seen, label, fold(keys, use), train=True)

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
        variables: Mapping[str, Variables], batch: Batch, keys: Array
    ) -> tuple[Outcome, dict[str, dict[str, Tree]]]:
        fake, generator_state = generator.apply(
            variables["generator"],
            draw(keys),
            batch.label,
            fold(keys, _GENERATOR),
            train=True,
        )
        opponent = variables["discriminator"]
        real_output, state = judge(opponent, batch.real, batch.label, keys, _REAL)
        # Batch statistics see the real batch, then the generated one.
        fake_output, state = judge(
            {**opponent, **state}, fake, batch.label, keys, _FAKE
        )
        outcome = Outcome(
            real=batch.real,
            fake=fake,
            real_score=real_output[0],
            fake_score=fake_output[0],
            real_logits=real_output[1],
            fake_logits=fake_output[1],
            real_features=real_output[2],
            fake_features=fake_output[2],
            real_label=batch.label,
            fake_label=batch.label,
            is_labelled=batch.is_labelled,
        )
        return outcome, {"generator": generator_state, "discriminator": state}

    def score(
        variables: Mapping[str, Variables],
        examples: Array,
        label: Array | None,
        keys: Array,
    ) -> Array:
        output, _ = judge(variables["discriminator"], examples, label, keys, _REAL)
        return output[0]

    def generate(
        variables: Mapping[str, Variables], latents: Array, batch: Batch, keys: Array
    ) -> Array:
        examples, _ = generator.apply(
            variables["generator"],
            latents,
            batch.label,
            fold(keys, _GENERATOR),
            train=False,
        )
        return examples

    def latents(variables: Any, batch: Batch, keys: Array) -> Array:
        return draw(keys)

    def sample(variables: Any, batch: Batch, keys: Array) -> Array:
        return generate(variables, draw(keys), batch, keys)

    def ends(variables: Any, batch: Batch, keys: Array) -> tuple[Array, Array]:
        return draw(keys), draw(keys, _END)

    probes = {
        "latents": latents,
        "sample": sample,
        "decode": make_decode(generate),
        "interpolation": make_interpolation(generate, ends),
        "score": make_score(discriminator),
    }
    if discriminator.classes:
        probes["classify"] = make_classify(discriminator)
    return Game(init, play, score, probes)

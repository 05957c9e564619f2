"""The VAE-GAN: an encoder, a generator, and a discriminator whose features compare."""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from ganjax.games.coder import Use, draw_code, draw_prior, make_coder
from ganjax.games.judgement import Judge
from ganjax.games.probes import make_code_probes, make_score
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

_REAL, _RECONSTRUCTION, _FAKE = range(3)  # what the discriminator sees


def vae_gan(
    networks: Mapping[str, Network],
    examples: Examples,
    view: View = lambda examples, keys: examples,
    *,
    latent_size: int,
) -> Game:
    """A VAE whose generator plays against a discriminator as well.

    Args:
      networks: "encoder", "generator" and "discriminator".
      examples: what they look like, for initialisation.
      view: what the discriminator sees of examples in training; of itself, all.
      latent_size: dimension Z of the latents, N(0, 1) in the prior.

    Fakes are of latents of the prior, reconstructions of codes drawn by the encoder;
    the discriminator scores both beside real examples. Probes, without the view:
    `encode`, `reconstruction`, `decode`, `interpolation` (see `make_code_probes`),
    `latents`, `sample`, and `score [B]` of the given batch.

    Larsen et al. 2016, "Autoencoding beyond pixels using a learned similarity metric",
    algorithm 1.
    """
    coder = make_coder(networks, examples, latent_size)
    discriminator = networks["discriminator"]

    judge = Judge(
        discriminator,
        view,
        view_keys=lambda keys, use: fold(fold(keys, Use.VIEW), use),
        own_keys=lambda keys, use: fold(fold(keys, Use.SCORES), use),
    )

    def init(key: Array) -> dict[str, Variables]:
        blank = jnp.zeros((2, *examples.shape))
        label = jnp.zeros(2, jnp.int32) if examples.classes else None
        own = discriminator.init(jax.random.fold_in(key, 2), blank, label)
        return {**coder.init(key), "discriminator": own}

    def play(
        variables: Players, batch: Batch, keys: Array
    ) -> tuple[Outcome, dict[str, Mutable]]:
        real, label = batch.real, batch.label
        (mean, log_var), encoder = coder.encode(
            variables, real, label, keys, train=True
        )
        codes = draw_code(mean, log_var, keys)
        latents = draw_prior(keys, latent_size)
        reconstruction, generator = coder.decode(
            variables, codes, label, keys, train=True
        )
        own = {**variables["generator"], **generator}
        fake, generator = coder.decode(
            {**variables, "generator": own}, latents, label, keys, train=True
        )
        shown = {_REAL: real, _RECONSTRUCTION: reconstruction, _FAKE: fake}
        said, state = judge.round(variables["discriminator"], shown, label, keys)
        outcome = Outcome(
            real=real,
            fake=fake,
            real_score=said[_REAL].score,
            fake_score=said[_FAKE].score,
            real_features=said[_REAL].features,
            real_label=label,  # for penalties of a discriminator that is told
            fake_label=label,
            mean=mean,
            log_var=log_var,
            reconstruction_score=said[_RECONSTRUCTION].score,
            reconstruction_features=said[_RECONSTRUCTION].features,
        )
        states = {"encoder": encoder, "generator": generator, "discriminator": state}
        return outcome, states

    probes = {
        **make_code_probes(coder, draw=partial(draw_prior, latent_size=latent_size)),
        "score": make_score(discriminator),
    }
    return Game(init, play, judge.make_score(_REAL), probes)

"""Auto-encoders: an encoder and a generator that move together."""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from ganjax.games.coder import Use, draw_code, draw_prior, make_coder
from ganjax.games.probes import make_code_probes, make_log_weights
from ganjax.keys import fold
from ganjax.types import (
    Batch,
    Examples,
    Game,
    Likelihood,
    Mutable,
    Network,
    Outcome,
    Players,
)


def auto_encoder(
    networks: Mapping[str, Network], examples: Examples, *, latent_size: int
) -> Game:
    """An encoder maps examples to codes, a generator maps these back.

    Args:
      networks: "encoder", whose mean is the code, and "generator".
      examples: what they look like, for initialisation.
      latent_size: dimension Z of the codes.

    Codes have no prior, so there is nothing to sample. Probes: `encode`,
    `reconstruction`, `decode` and `interpolation`, see `make_code_probes`.

    Hinton and Salakhutdinov 2006, "Reducing the Dimensionality of Data with Neural
    Networks".
    """
    coder = make_coder(networks, examples, latent_size)

    def play(
        variables: Players, batch: Batch, keys: Array
    ) -> tuple[Outcome, dict[str, Mutable]]:
        real, label = batch.real, batch.label
        (code, _), encoder = coder.encode(variables, real, label, keys, train=True)
        made, generator = coder.decode(variables, code, label, keys, train=True)
        outcome = Outcome(real=real, mean=code, reconstruction=made)
        return outcome, {"encoder": encoder, "generator": generator}

    return Game(coder.init, play, None, make_code_probes(coder))


def vae(
    networks: Mapping[str, Network],
    examples: Examples,
    likelihood: Likelihood,
    *,
    latent_size: int,
    pixels: str,
    importance_samples: int,
) -> Game:
    """A generative model p(z) p(x|z) and an encoder q(z|x) of its posterior.

    z is N(0, 1) in the model and N(mean, exp(log_var)) to the encoder, both without
    correlations; the generator's output is the parameter of p(x|z).

    Args:
      networks: "encoder" and "generator".
      examples: what they look like, for initialisation.
      likelihood: p(x|z).
      latent_size: dimension Z of the latents.
      pixels: what is modelled of an example, itself, "grey", or "binary": each pixel x
        is 1 with probability (x + 1) / 2, and -1 otherwise, drawn anew each time.
      importance_samples: latents of q for each example in `log_weights`.

    `real` of the outcome is what is modelled. Probes: `encode`, `reconstruction`,
    `decode`, `interpolation`, `latents`, `sample`; and `log_weights [B, K]`, log p(z)
    p(x|z) / q(z|x) in nats for K = `importance_samples` latents z of q. Their mean over
    all is the ELBO; log of their mean exponential is the bound of Burda et al. 2016,
    "Importance Weighted Autoencoders", eq. 8, which rises to log p(x) with K.

    Kingma and Welling 2014, "Auto-Encoding Variational Bayes", section 3.
    """
    coder = make_coder(networks, examples, latent_size)

    def observed(batch: Batch, keys: Array) -> Array:
        if pixels == "grey":
            return batch.real
        shape, dtype = batch.real.shape[1:], batch.real.dtype
        draw = lambda key: jax.random.uniform(key, shape, dtype, -1.0)  # noqa: E731
        level = jax.vmap(draw)(fold(keys, Use.PIXELS))
        return jnp.where(batch.real > level, 1.0, -1.0).astype(dtype)

    def play(
        variables: Players, batch: Batch, keys: Array
    ) -> tuple[Outcome, dict[str, Mutable]]:
        real, label = observed(batch, keys), batch.label
        (mean, log_var), encoder = coder.encode(
            variables, real, label, keys, train=True
        )
        latents = draw_code(mean, log_var, keys)
        made, generator = coder.decode(variables, latents, label, keys, train=True)
        outcome = Outcome(
            real=real, mean=mean, log_var=log_var, reconstruction_logits=made
        )
        return outcome, {"encoder": encoder, "generator": generator}

    draw = partial(draw_prior, latent_size=latent_size)
    probes = {
        **make_code_probes(coder, observed, likelihood.mean, draw=draw),
        "log_weights": make_log_weights(
            coder,
            observed,
            likelihood,
            latent_size=latent_size,
            importance_samples=importance_samples,
        ),
    }
    return Game(coder.init, play, None, probes)

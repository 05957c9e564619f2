"""All probes of the games: how a state is looked at, in evaluation mode.

A probe maps `(variables, batch, keys)` to an array with a row for each example.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ganjax.games.coder import Coder, Use, draw_normal
from ganjax.types import Batch, Likelihood, Network, Players, Probe, Variables

_BETWEEN = 9  # odd, so that the middle one lies halfway
_MOMENTS = 10  # of a chain

# (variables, latents [B, Z], batch, keys) -> examples [B, ...].
Decode = Callable[[Players, Array, Batch, Array], Array]

# (the discriminator's variables, first [B, ...], keys, begin, end) -> [B, ...], from
# `first` by the steps from `begin` to before `end`.
Climb = Callable[[Variables, Array, Array, Array | int, Array | int], Array]


def make_score(discriminator: Network) -> Probe:
    """`score [B]`, of each real example."""

    def score(variables: Players, batch: Batch, keys: Array) -> Array:
        (scores, _, _), _ = discriminator.apply(
            variables["discriminator"], batch.real, batch.label, keys, train=False
        )
        return scores

    return score


def make_classify(discriminator: Network) -> Probe:
    """`classify [B, K]`, log p(class | real example), of the logits' softmax."""

    def classify(variables: Players, batch: Batch, keys: Array) -> Array:
        (_, logits, _), _ = discriminator.apply(
            variables["discriminator"], batch.real, batch.label, keys, train=False
        )
        return jax.nn.log_softmax(logits)

    return classify


def make_decode(decode: Decode) -> Probe:
    """`decode [B, ...]`, examples of the batch's `latents`."""

    def probe(variables: Players, batch: Batch, keys: Array) -> Array:
        if batch.latents is None:
            raise ValueError("decode: latents [N, Z] are missing")
        return decode(variables, batch.latents, batch, keys)

    return probe


def make_latents(draw: Callable[[Array], Array]) -> Probe:
    """`latents [B, Z]`, as they are drawn for `sample`: `draw(keys)`."""

    def latents(variables: Players, batch: Batch, keys: Array) -> Array:
        return draw(keys)

    return latents


def make_sample(decode: Decode, draw: Callable[[Array], Array]) -> Probe:
    """`sample [B, ...]`, examples of latents that are drawn: `draw(keys) -> [B, Z]`."""

    def sample(variables: Players, batch: Batch, keys: Array) -> Array:
        return decode(variables, draw(keys), batch, keys)

    return sample


def make_interpolation(
    decode: Decode, ends: Callable[[Players, Batch, Array], tuple[Array, Array]]
) -> Probe:
    """`interpolation [B, 9, ...]`, examples along straight lines of latents.

    From a through 0.5 a + 0.5 b in the middle to b, where `ends(variables, batch, keys)
    -> (a, b)`, each `[B, Z]`.
    """

    def probe(variables: Players, batch: Batch, keys: Array) -> Array:
        start, end = ends(variables, batch, keys)

        def between(part: Array) -> Array:
            return decode(variables, start + (end - start) * part, batch, keys)

        return jax.vmap(between, out_axes=1)(jnp.linspace(0, 1, _BETWEEN))

    return probe


def make_latent_probes(
    decode: Decode, draw: Callable[[Array], Array], draw_end: Callable[[Array], Array]
) -> dict[str, Probe]:
    """Probes of latents that are drawn, by `draw` and `draw_end`: `keys -> [B, Z]`.

    `latents [B, Z]`, and `sample [B, ...]` of these; `decode [B, ...]` of the batch's
    `latents`; and `interpolation [B, 9, ...]`, along the straight line between two.
    """

    def ends(variables: Players, batch: Batch, keys: Array) -> tuple[Array, Array]:
        return draw(keys), draw_end(keys)

    return {
        "latents": make_latents(draw),
        "sample": make_sample(decode, draw),
        "decode": make_decode(decode),
        "interpolation": make_interpolation(decode, ends),
    }


def make_code_probes(
    coder: Coder,
    observed: Callable[[Batch, Array], Array] = lambda batch, keys: batch.real,
    shown: Callable[[Array], Array] = lambda decoded: decoded,
    *,
    draw: Callable[[Array], Array] | None = None,
) -> dict[str, Probe]:
    """Probes of mean codes, without noise, and of the prior.

    `encode [B, Z]`; `reconstruction [B, ...]`; `decode [B, ...]` of the batch's
    `latents`; `interpolation [B, 9, ...]`, along the straight line from the code of
    each example of the batch to that of the next; `latents [B, Z]` of the prior, and
    `sample [B, ...]` of these.

    Args:
      coder: whose they are.
      observed: of a batch, what the encoder sees.
      shown: of what the generator makes, the examples.
      draw: latents `[B, Z]` of the prior; without one there are no such two.
    """

    def decode(variables: Players, latents: Array, batch: Batch, keys: Array) -> Array:
        decoded, _ = coder.decode(variables, latents, batch.label, keys, train=False)
        return shown(decoded)

    def encode(variables: Players, batch: Batch, keys: Array) -> Array:
        real = observed(batch, keys)
        (mean, _), _ = coder.encode(variables, real, batch.label, keys, train=False)
        return mean

    def reconstruction(variables: Players, batch: Batch, keys: Array) -> Array:
        return decode(variables, encode(variables, batch, keys), batch, keys)

    def ends(variables: Players, batch: Batch, keys: Array) -> tuple[Array, Array]:
        start = encode(variables, batch, keys)
        return start, jnp.roll(start, -1, axis=0)

    probes = {
        "encode": encode,
        "reconstruction": reconstruction,
        "decode": make_decode(decode),
        "interpolation": make_interpolation(decode, ends),
    }
    if draw is not None:
        probes["latents"] = make_latents(draw)
        probes["sample"] = make_sample(decode, draw)
    return probes


def make_log_weights(
    coder: Coder,
    observed: Callable[[Batch, Array], Array],
    likelihood: Likelihood,
    *,
    latent_size: int,
    importance_samples: int,
) -> Probe:
    """`log_weights [B, K]`, log p(z) p(x|z) / q(z|x) of K latents z of q, in nats."""

    def log_weights(variables: Players, batch: Batch, keys: Array) -> Array:
        real, label = observed(batch, keys), batch.label
        (mean, log_var), _ = coder.encode(variables, real, label, keys, train=False)

        def weigh(noise: Array) -> Array:
            latents = mean + jnp.exp(0.5 * log_var) * noise
            made, _ = coder.decode(variables, latents, label, keys, train=False)
            # log p(z) - log q(z|x): of each, log 2 pi is the same.
            prior = 0.5 * (noise**2 + log_var - latents**2).sum(axis=-1)
            return prior + likelihood.log_p(real, made)

        noise = draw_normal(keys, Use.CODE, importance_samples * latent_size)
        noise = noise.reshape(-1, importance_samples, latent_size)
        # One after the other, so that memory does not grow with their number.
        return jax.lax.map(weigh, noise.swapaxes(0, 1)).T

    return log_weights


def make_chain_probes(
    start: Callable[[Array, Any], Array], climb: Climb, steps: int
) -> dict[str, Probe]:
    """Probes of chains that climb the discriminator's score.

    `sample [B, ...]`, their ends; and `chain [B, 10, ...]`, moments of them from
    beginning to end.

    Args:
      start: `(keys, dtype) -> [B, ...]`, where they begin.
      climb: where they come to.
      steps: of a chain.
    """

    def sample(variables: Players, batch: Batch, keys: Array) -> Array:
        first = start(keys, batch.real.dtype)
        return climb(variables["discriminator"], first, keys, 0, steps)

    def chain(variables: Players, batch: Batch, keys: Array) -> Array:
        first = start(keys, batch.real.dtype)
        moments = steps * jnp.arange(_MOMENTS) // (_MOMENTS - 1)

        def onward(x: Array, span: tuple[Array, Array]) -> tuple[Array, Array]:
            x = climb(variables["discriminator"], x, keys, *span)
            return x, x

        _, later = jax.lax.scan(onward, first, (moments[:-1], moments[1:]))
        return jnp.concatenate([first[:, None], jnp.moveaxis(later, 0, 1)], axis=1)

    return {"sample": sample, "chain": chain}

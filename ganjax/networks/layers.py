"""What the networks share: the pair of functions, normalisation, conditioning."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jax import Array
from jax.nn import log_softmax, logsumexp

from ganjax.networks.dense import dense


def batch_norm(axis_name: str | None, train: bool) -> nn.BatchNorm:
    """Batch norm over all devices of `axis_name`; by running averages unless training.

    Ioffe and Szegedy 2015, "Batch Normalization", algorithm 1-2.
    """
    return nn.BatchNorm(
        use_running_average=not train, momentum=0.9, axis_name=axis_name
    )


class Embedding(nn.Module):
    """Latents `[B, Z]` beside a learned vector of their class: `[B, 2 Z]`.

    Without classes the latents alone.
    """

    classes: int

    @nn.compact
    def __call__(self, latents: Array, label: Array | None) -> Array:
        """Latents, and the vectors of their labels `[B]`."""
        if not self.classes:
            return latents
        embedded = nn.Embed(self.classes, latents.shape[-1])(label)
        return jnp.concatenate([latents, embedded], axis=-1)


class Posterior(nn.Module):
    """Features `[B, ...]` to the `(mean, log_var)` of latents, each `[B, Z]`: linear.

    Kingma and Welling 2014, "Auto-Encoding Variational Bayes", section C.2.
    """

    latent_size: int

    @nn.compact
    def __call__(self, features: Array) -> tuple[Array, Array]:
        """Mean and logarithm of the variance, of two linear layers."""
        flat = features.reshape(features.shape[0], -1)
        return dense(self.latent_size)(flat), dense(self.latent_size)(flat)


class Score(nn.Module):
    """Features `[B, ...]` to scores `[B]`: a linear layer, and with classes <v_y, h>.

    h `[B, F]` is the features, summed over the positions of an image.

    Miyato and Koyama 2018, "cGANs with Projection Discriminator", eq. 4.
    """

    classes: int
    dense: nn.Module

    @nn.compact
    def __call__(self, features: Array, label: Array | None, **keywords: Any) -> Array:
        """`[B]`; the keywords are the linear layer's."""
        flat = features.reshape(features.shape[0], -1)
        score = jnp.squeeze(self.dense(flat, **keywords), -1)
        if not self.classes:
            return score
        pooled = features.sum(axis=tuple(range(1, features.ndim - 1)))
        directions = nn.Embed(self.classes, pooled.shape[-1])(label)
        return score + jnp.sum(directions * pooled, axis=-1)


class Head(NamedTuple):
    """What a discriminator says of its last features; see `read_out`."""

    name: str  # "score", "score_and_logits", "logits" or "log_probability"
    classes: int  # of the labels
    conditioning: str  # "none" or "projection", of the score

    @property
    def logits(self) -> int:
        """How many class logits it makes."""
        return 0 if self.name == "score" else self.classes


def read_out(
    head: Head,
    dense: Callable[[int], nn.Module],
    features: Array,
    label: Array | None,
    **keywords: Any,
) -> tuple[Array, Array | None]:
    """Features `[B, ...]` to a score `[B]` and class logits `[B, K]` or None.

    Each is a linear layer of its own, in the scope of the module that calls this; but
    two heads have the logits' layer alone. The score of "logits" is log sum_y
    exp(logits_y), that of "log_probability" log softmax(logits)_label: how well an
    example fits the label it comes with.

    Salimans et al. 2016, "Improved Techniques for Training GANs", section 5, and Qi
    2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities", whose
    L(x, y) is minus the last of these scores.

    Args:
      head: what is made.
      dense: makes a linear layer of so many outputs.
      features: of the last layer.
      label: `[B]`, read by a projection and by "log_probability" only.
      **keywords: of the linear layers' calls.
    """
    flat = features.reshape(features.shape[0], -1)
    if head.name == "logits":
        logits = dense(head.classes)(flat, **keywords)
        return logsumexp(logits, axis=-1), logits
    if head.name == "log_probability":
        assert label is not None
        logits = dense(head.classes)(flat, **keywords)
        log_p = log_softmax(logits, axis=-1)
        return jnp.take_along_axis(log_p, label[:, None], axis=-1)[:, 0], logits
    projected = head.classes if head.conditioning == "projection" else 0
    score = Score(projected, dense(1))(features, label, **keywords)
    if head.name == "score":
        return score, None
    return score, dense(head.classes)(flat, **keywords)

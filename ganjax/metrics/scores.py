"""How the discriminator's scores separate real from generated examples."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from ganjax.precision import mean, widen
from ganjax.types import Outcome, Terms, made


def score_statistics(outcome: Outcome, threshold: Array | float | None) -> Terms:
    """Mean scores and accuracies of one batch, each apart for its side.

    Args:
      outcome: of which `real_score [B]` and `fake_score [B]` are read.
      threshold: the score above which the discriminator says "real"; `None` where only
        differences mean anything.

    Returns:
      `real_score` and `fake_score`, the means, and with a threshold `real_accuracy`
      P(r > threshold) and `fake_accuracy` P(s <= threshold), else `pair_accuracy`
      P(r_i > s_i).
    """
    return _statistics(made(outcome.real_score), made(outcome.fake_score), threshold)


def _statistics(
    real_score: Array, fake_score: Array, threshold: Array | float | None
) -> Terms:
    real, fake = widen(real_score), widen(fake_score)
    means = {"real_score": mean(real), "fake_score": mean(fake)}
    if threshold is None:
        return means | {"pair_accuracy": mean(real > fake)}
    return means | {
        "real_accuracy": mean(real > threshold),
        "fake_accuracy": mean(fake <= threshold),
    }


def score_quality(
    real_score: np.ndarray, fake_score: np.ndarray, threshold: Array | float | None
) -> Terms:
    """`score_statistics` of scores `[N]` of real and of generated examples."""
    return _statistics(jnp.asarray(real_score), jnp.asarray(fake_score), threshold)

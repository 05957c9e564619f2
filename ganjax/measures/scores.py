"""How the discriminator's scores of a state separate real from generated examples."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from ganjax.monitors import score_statistics
from ganjax.types import Outcome, Terms


def score_quality(
    real_score: np.ndarray, fake_score: np.ndarray, threshold: Array | float | None
) -> Terms:
    """`score_statistics` of scores `[N]` of real and of generated examples."""
    scores = Outcome(
        real_score=jnp.asarray(real_score), fake_score=jnp.asarray(fake_score)
    )
    return score_statistics(scores, threshold)

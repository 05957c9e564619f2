"""How the discriminator's scores separate real from generated examples.

Training records it as metrics; `ganjax.measures.scores` measures it of a state.
"""

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
      P(r > threshold) and `fake_accuracy` P(s <= threshold), without one
      `pair_accuracy` P(r_i > s_i).
    """
    real, fake = widen(made(outcome.real_score)), widen(made(outcome.fake_score))
    means = {"real_score": mean(real), "fake_score": mean(fake)}
    if threshold is None:
        return means | {"pair_accuracy": mean(real > fake)}
    return means | {
        "real_accuracy": mean(real > threshold),
        "fake_accuracy": mean(fake <= threshold),
    }

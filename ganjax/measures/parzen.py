"""The Parzen-window log-likelihood, as the first GAN papers reported it."""

from collections.abc import Sequence

import numpy as np

_CHUNK = 1_000  # examples at a time: distances to all samples must fit into memory


def parzen_log_likelihood(
    examples: np.ndarray, samples: np.ndarray, sd: float
) -> np.ndarray:
    """log (1/M) sum_j N(x_i; s_j, sd^2 I) of each example, in nats `[N]`.

    Args:
      examples: `[N, ...]`; the papers' images lie in [0, 1].
      samples: of the generator, `[M, ...]`.
      sd: of the Gaussian window.

    A poor measure of likelihood in many dimensions, kept to compare with those papers.

    Breuleux et al. 2011, "Quickly Generating Representative Samples from an
    RBM-Derived Process"; Goodfellow et al. 2014, section 5. Its faults: Theis et al.
    2016, "A Note on the Evaluation of Generative Models", section 3.2.
    """
    return _log_likelihoods(examples, samples, (sd,))[0]


def choose_sd(
    validation: np.ndarray, samples: np.ndarray, sds: Sequence[float]
) -> float:
    """The window of `sds` under which validation examples are likeliest."""
    means = _log_likelihoods(validation, samples, sds).mean(axis=1)
    return float(sds[int(np.argmax(means))])


def _log_likelihoods(
    examples: np.ndarray, samples: np.ndarray, sds: Sequence[float]
) -> np.ndarray:
    """`[len(sds), N]`: distances, which cost the most, are taken once for all."""
    from scipy.special import logsumexp
    from sklearn.metrics.pairwise import euclidean_distances

    points = examples.reshape(len(examples), -1).astype(np.float64)
    centres = samples.reshape(len(samples), -1).astype(np.float64)
    parts = []
    for start in range(0, len(points), _CHUNK):
        squares = euclidean_distances(
            points[start : start + _CHUNK], centres, squared=True
        )
        parts.append([logsumexp(-squares / (2 * sd**2), axis=1) for sd in sds])
    sums = np.concatenate(parts, axis=1)
    dimensions = points.shape[1]
    normaliser = dimensions * np.log(np.array(sds) * np.sqrt(2 * np.pi))
    return sums - np.log(len(centres)) - normaliser[:, None]

"""The density of a mixture of isotropic Gaussians, and how well samples match it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

_SIGMAS = 3.0  # a sample within so many standard deviations of a centre is good
_SHELLS = 5  # cells around a centre


def mixture_quality(
    samples: np.ndarray, density: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """The 3-sigma rule and its relatives.

    Args:
      samples: `[N, D]`.
      density: of the mixture, the centres `means [K, D]`, the standard deviations
        `sds [K]`, and `weights [K]`, in proportion to the components' probabilities.

    Returns:
      `modes_covered`: components with at least one good sample, one closer than 3 sd
        to the component's centre, which is its nearest (Dumoulin et al. 2017; Lin et
        al. 2018, "PacGAN", section 4.1).
      `high_quality`: the fraction of good samples; samples of the mixture itself reach
        98.889 % in two dimensions.
      `reverse_kl`: KL(generated over nearest components || true weights) in nats; N
        samples of the mixture itself reach about (K - 1) / 2N.
      `variance_ratio`: pooled variance of the good samples around their own component's
        sample mean, over the variance that true samples cut at 3 sd have; below 1 the
        modes are too narrow. NaN where no component has two good samples.
      `cell_distance`: the total variation between samples and mixture over cells, the
        points nearest to a component in one of 5 shells around its centre that are
        equally likely under it: 1/2 sum |found - expected|, in [0, 1]. It rises with
        whatever the others see, missing and unequal modes, bad samples, narrow and wide
        modes; N samples of the mixture itself reach about (5 K / 2 pi N)^1/2. NaN where
        a component is a point.
    """
    from scipy.special import chdtr

    means, sds, weights = (density[name] for name in ("means", "sds", "weights"))
    dimensions = means.shape[1]
    distances = np.linalg.norm(samples[:, None] - means[None], axis=-1)
    nearest = distances.argmin(axis=1)
    good = distances[np.arange(len(samples)), nearest] < _SIGMAS * sds[nearest]
    frequency = np.bincount(nearest, minlength=len(means)) / len(samples)
    probability = weights / weights.sum()
    present = frequency > 0
    squares, freedom = 0.0, 0
    for mode in range(len(means)):
        members = samples[good & (nearest == mode)]
        if len(members) > 1:
            scaled = (members - members.mean(axis=0)) / sds[mode]
            squares += float(np.square(scaled).sum())
            freedom += dimensions * (len(members) - 1)
    # E[x_1^2 | |x| < c] of a standard normal in D dimensions.
    cut = _SIGMAS**2
    cell_distance = float("nan")
    if sds.all():
        squared = np.square(distances[np.arange(len(samples)), nearest] / sds[nearest])
        shell = (_SHELLS * chdtr(dimensions, squared)).astype(int)
        cells = _SHELLS * nearest + np.minimum(shell, _SHELLS - 1)
        found = np.bincount(cells, minlength=_SHELLS * len(means)) / len(samples)
        likely = np.repeat(probability, _SHELLS) / _SHELLS
        cell_distance = float(np.abs(found - likely).sum() / 2)
    expected = chdtr(dimensions + 2, cut) / chdtr(dimensions, cut)
    return {
        "modes_covered": len(np.unique(nearest[good])),
        "high_quality": float(good.mean()),
        "reverse_kl": float(
            np.sum(
                frequency[present] * np.log(frequency[present] / probability[present])
            )
        ),
        "variance_ratio": squares / freedom / expected if freedom else float("nan"),
        "cell_distance": cell_distance,
    }


def mixture_log_density(points: np.ndarray, density: Mapping[str, Any]) -> np.ndarray:
    """log sum_k w_k N(x; m_k, s_k^2 I) at points x, `[N]`.

    It holds far from all centres too, where the density itself underflows.

    Args:
      points: `[N, D]`; `x[:, None]` for a line.
      density: of the mixture, as of `mixture_quality`, of any kind of sequence: the
        `data` section of a config is one. Standard deviations are above 0.
    """
    from scipy.special import logsumexp

    means, sds, weights = (
        np.asarray(density[name], float) for name in ("means", "sds", "weights")
    )
    squares = np.square(points[:, None] - means).sum(axis=-1)  # [N, K]
    logs = -squares / (2 * sds**2) - means.shape[1] * np.log(sds * np.sqrt(2 * np.pi))
    return logsumexp(logs, b=weights / weights.sum(), axis=1)

"""f-divergences between densities on a line, by quadrature: what an f-GAN estimates.

D_f(P || Q) = int q f(p / q). The integrands are written with log densities, so that no
ratio over- or underflows, and keep terms that integrate to 0, so that what is nearly
the same cancels where p = q and not in the sum.

Names and scales are those of `ganjax.losses.f_divergence`, which are those of Nowozin,
Cseke and Tomioka 2016, "f-GAN: Training Generative Neural Samplers using Variational
Divergence Minimization", tables 1 and 5.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

_EXACT = 1e-6  # of the mean, and of the log of the sd


def total_variation(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """|p - q| / 2."""
    return np.abs(np.exp(log_p) - np.exp(log_q)) / 2


def kl(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """p log(p / q)."""
    return np.exp(log_p) * (log_p - log_q)


def reverse_kl(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """q log(q / p)."""
    return kl(log_q, log_p)


def pearson(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """(p - q)^2 / q."""
    return np.exp(2 * log_p - log_q) - 2 * np.exp(log_p) + np.exp(log_q)


def neyman(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """(p - q)^2 / p."""
    return pearson(log_q, log_p)


def squared_hellinger(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """(sqrt p - sqrt q)^2."""
    return np.square(np.exp(log_p / 2) - np.exp(log_q / 2))


def jeffrey(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """(p - q) log(p / q)."""
    return (np.exp(log_p) - np.exp(log_q)) * (log_p - log_q)


def jensen_shannon(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """p log(p / m) + q log(q / m), m = (p + q) / 2."""
    return 2 * weighted_jensen_shannon(log_p, log_q, pi=0.5)


def weighted_jensen_shannon(
    log_p: np.ndarray, log_q: np.ndarray, *, pi: float
) -> np.ndarray:
    """pi p log(p / m) + (1 - pi) q log(q / m), m = pi p + (1 - pi) q, 0 < pi < 1."""
    log_m = np.logaddexp(np.log(pi) + log_p, np.log1p(-pi) + log_q)
    return pi * kl(log_p, log_m) + (1 - pi) * kl(log_q, log_m)


def gan(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """p log(p / (p + q)) + q log(q / (p + q)), with -q log 4 for -(p + q) log 2."""
    return jensen_shannon(log_p, log_q) - np.log(4) * np.exp(log_q)


def alpha_divergence(
    log_p: np.ndarray, log_q: np.ndarray, *, alpha: float
) -> np.ndarray:
    """(p^a q^(1 - a) - q - a (p - q)) / (a (a - 1)), a = alpha, neither 0 nor 1."""
    p, q = np.exp(log_p), np.exp(log_q)
    mixed = np.exp(alpha * log_p + (1 - alpha) * log_q)
    return (mixed - q - alpha * (p - q)) / (alpha * (alpha - 1))


INTEGRANDS: Mapping[str, Callable[..., np.ndarray]] = {
    "total_variation": total_variation,
    "kl": kl,
    "reverse_kl": reverse_kl,
    "pearson": pearson,
    "neyman": neyman,
    "squared_hellinger": squared_hellinger,
    "jeffrey": jeffrey,
    "jensen_shannon": jensen_shannon,
    "weighted_jensen_shannon": weighted_jensen_shannon,
    "gan": gan,
    "alpha_below_one": alpha_divergence,
    "alpha_above_one": alpha_divergence,
}


def f_divergence(
    log_p: np.ndarray,
    log_q: np.ndarray,
    x: np.ndarray,
    divergence: str,
    **numbers: float | None,
) -> float:
    """D_f(P || Q) in nats, where it has a unit, by the trapezoidal rule.

    With smooth densities that vanish at both ends of the line the rule's error falls
    faster than any power of the spacing; total variation has kinks, where it is the
    spacing's square.

    Args:
      log_p: log density of P, the data, `[X]`; -inf is not allowed.
      log_q: of Q, the generator, `[X]`.
      x: where, `[X]`, rising; what lies beyond the ends is taken for nothing.
      divergence: one of `INTEGRANDS`.
      **numbers: `pi` of `weighted_jensen_shannon`, `alpha` of the alpha divergences;
        None, as a config has those that its divergence does not take, is left out.
    """
    given = {name: value for name, value in numbers.items() if value is not None}
    return float(np.trapezoid(INTEGRANDS[divergence](log_p, log_q, **given), x))


class BestGaussian(NamedTuple):
    """The Gaussian of the least divergence, and that."""

    mean: float
    sd: float
    value: float


def best_gaussian(
    log_p: np.ndarray, x: np.ndarray, divergence: str, **numbers: float | None
) -> BestGaussian:
    """The Q = N(mean, sd^2) of the least D_f(P || Q).

    By the simplex of Nelder and Mead, from the mean and sd of P, where KL has its
    optimum, and from two narrower Gaussians to either side of it: a divergence may have
    more than one valley.

    Args:
      log_p: log density of P, `[X]`.
      x: where, `[X]`; it must hold all of P and of any Q that may be the best.
      divergence: as of `f_divergence`.
      **numbers: likewise.

    Nowozin, Cseke and Tomioka 2016, "f-GAN", section 3.1 and table 3.
    """
    # Slow to import, and no training needs them.
    from scipy.optimize import minimize
    from scipy.stats import norm

    def loss(parameters: np.ndarray) -> float:
        log_q = norm.logpdf(x, parameters[0], np.exp(parameters[1]))
        return f_divergence(log_p, log_q, x, divergence, **numbers)

    p = np.exp(log_p)
    mean = np.trapezoid(p * x, x)
    sd = np.sqrt(np.trapezoid(p * np.square(x - mean), x))
    starts = ((mean, sd), (mean - sd / 2, 0.8 * sd), (mean + sd / 2, 0.8 * sd))
    found = [
        minimize(loss, (m, np.log(s)), method="Nelder-Mead", options={"xatol": _EXACT})
        for m, s in starts
    ]
    best = min(found, key=lambda result: result.fun)
    return BestGaussian(float(best.x[0]), float(np.exp(best.x[1])), float(best.fun))

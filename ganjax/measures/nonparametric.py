"""The loss function that the loss-sensitive GAN seeks, exactly, on given samples."""

from typing import NamedTuple

import numpy as np
from scipy import optimize, sparse
from scipy.spatial.distance import cdist, pdist


class Optimum(NamedTuple):
    """The least objective, and the loss function at the samples that attains it."""

    value: float
    nodes: np.ndarray  # [2N, D], real then generated
    losses: np.ndarray  # [2N], L at the nodes


def _lipschitz_rows(nodes: np.ndarray, kappa: float) -> tuple[sparse.csr_array, ...]:
    """L_a - L_b <= kappa ||a - b|| for all a < b, and the same with a, b exchanged."""
    first, second = np.triu_indices(len(nodes), k=1)
    row = np.arange(len(first))
    shape = (len(first), len(nodes))
    ones = np.ones(len(first))
    gap = sparse.csr_array((ones, (row, first)), shape=shape)
    gap = gap - sparse.csr_array((ones, (row, second)), shape=shape)
    return sparse.vstack([gap, -gap]), np.tile(kappa * pdist(nodes), 2)


def loss_sensitive_optimum(
    real: np.ndarray,
    fake: np.ndarray,
    margin: np.ndarray,
    *,
    real_weight: float,
    kappa: float,
) -> Optimum:
    """Minimise mean_i xi_i + real_weight * mean_i L(x_i) over kappa-Lipschitz L >= 0.

    Subject to xi_i >= 0 and xi_i >= Delta_i + L(x_i) - L(z_i). It is a linear program
    in the values of L at the samples, for any kappa-Lipschitz values there extend to a
    kappa-Lipschitz function everywhere (McShane 1934), as `cone_bounds` does.

    The objective is that of `loss_sensitive_discriminator` with L = -score, so no
    kappa-Lipschitz, non-negative L has a lower one on these samples. It is Qi's
    empirical objective divided by lambda = 1 / real_weight. Without L >= 0 it would
    have no minimum for any real_weight > 0: lowering L everywhere changes no xi. With
    real_weight 0 the value stands, but L is the best only up to a constant.

    Args:
      real: x_i, `[N, D]`.
      fake: z_i, `[N, D]`, x_i's partner in the hinge.
      margin: Delta_i, `[N]`.
      real_weight: at least 0.
      kappa: the Lipschitz constant, in the Euclidean distance, at least 0.

    Raises:
      ValueError: shapes that do not pair up, a negative number.

    Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities",
    the theorem on the non-parametric solution; there margins are the same distances.
    """
    if real.shape != fake.shape or margin.shape != real.shape[:1]:
        raise ValueError(
            f"real {real.shape}, fake {fake.shape} and margin {margin.shape} must be "
            "[N, D], [N, D] and [N]"
        )
    if real_weight < 0 or kappa < 0:
        raise ValueError(f"real_weight {real_weight} or kappa {kappa} is negative")
    count = len(real)
    nodes = np.concatenate([real, fake])
    lipschitz, reach = _lipschitz_rows(nodes, kappa)
    each = sparse.eye_array(count)
    # The unknowns are L(x), L(z) and xi, in this order.
    rows = sparse.block_array(
        [[lipschitz, None], [sparse.hstack([each, -each]), -each]]
    )
    weights = np.repeat([real_weight, 0.0, 1.0], count) / count
    solution = optimize.linprog(
        weights,
        A_ub=rows,
        b_ub=np.concatenate([reach, -margin]),
        bounds=(0, None),
        method="highs",
    )
    if not solution.success:  # Bounded and feasible: the solver's failure.
        raise RuntimeError(f"the linear program has no optimum: {solution.message}")
    return Optimum(float(solution.fun), nodes, solution.x[: 2 * count])


def cone_bounds(
    points: np.ndarray, nodes: np.ndarray, values: np.ndarray, *, kappa: float
) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest kappa-Lipschitz function through the nodes.

    lower(x) = max_i (L_i - kappa ||x - x_i||), upper(x) = min_i (L_i + kappa ||x -
    x_i||). Both are kappa-Lipschitz and equal L_i at node i if the values themselves
    are kappa-Lipschitz. Qi takes the positive part of the lower one, as L >= 0 there.

    Args:
      points: x, `[P, D]`.
      nodes: x_i, `[N, D]`.
      values: L_i, `[N]`.
      kappa: the Lipschitz constant, in the Euclidean distance.

    Returns:
      lower and upper, `[P]` each.

    Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities",
    the theorem on the non-parametric solution.
    """
    reach = kappa * cdist(points, nodes)
    return np.max(values - reach, axis=1), np.min(values + reach, axis=1)

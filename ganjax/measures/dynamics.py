"""How fast gradient descent on a game settles at an equilibrium, exactly and measured.

Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?", section
2: near an equilibrium training follows the linear flow x' = A x, A the Jacobian there
of -v, v the joint gradient field. It settles where a step's spectral radius is below 1.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np


def simultaneous_factor(flow: np.ndarray, rate: float) -> float:
    """The spectral radius of I + h A, a step in which all players move at once.

    Args:
      flow: A, `[D, D]`.
      rate: h > 0, the learning rate.
    """
    return _radius(np.eye(len(flow)) + rate * flow)


def alternating_factor(flow: np.ndarray, rate: float) -> float:
    """The spectral radius of (I + h A_D) ... (I + h A_1), A_i the row i of A alone.

    A step in which players of one number each move in turn, by what is there then.

    Args:
      flow: A, `[D, D]`, rows in the order of play.
      rate: h > 0, the learning rate.
    """
    step = np.eye(len(flow))
    for row in range(len(flow)):
        moved = np.eye(len(flow))
        moved[row] += rate * flow[row]
        step = moved @ step
    return _radius(step)


# By the name of the play.
STEP_FACTORS: Mapping[str, Callable[[np.ndarray, float], float]] = {
    "simultaneous": simultaneous_factor,
    "alternating": alternating_factor,
}


def measured_factor(path: np.ndarray | Sequence[Sequence[float]]) -> float:
    """The growth of |x| a step: exp of the slope of log |x| over a path's last half.

    Args:
      path: x after each step, `[N, D]`, N at least 3 and no x of its last half 0.
    """
    half = np.linalg.norm(np.asarray(path)[len(path) // 2 :], axis=1)
    return float(np.exp(np.polyfit(np.arange(len(half)), np.log(half), 1)[0]))


def _radius(matrix: np.ndarray) -> float:
    return float(np.abs(np.linalg.eigvals(matrix)).max())

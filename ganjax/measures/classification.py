"""How often a classifier is wrong."""

import numpy as np


def classification_error(
    log_probability: np.ndarray, label: np.ndarray
) -> dict[str, float]:
    """`error`, the fraction of examples whose likeliest class is not their label.

    Args:
      log_probability: of each class, `[N, K]`.
      label: int `[N]`.
    """
    return {"error": float(np.mean(log_probability.argmax(axis=1) != label))}


def sure_share(log_probability: np.ndarray, least: float) -> float:
    """The share of examples of which one class is likelier than `least`.

    NaN where there is no example.

    Args:
      log_probability: log p(y | x) of each class, `[N, K]`.
      least: a probability.
    """
    if not len(log_probability):
        return float("nan")
    return float((log_probability.max(axis=1) > np.log(least)).mean())

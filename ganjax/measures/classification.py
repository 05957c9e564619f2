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

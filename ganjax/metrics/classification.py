"""How often a classifier is wrong."""

import numpy as np


def classification_error(predicted: np.ndarray, label: np.ndarray) -> dict[str, float]:
    """`error`, the fraction of examples whose predicted class is not their label.

    Args:
      predicted: classes int `[N]`.
      label: int `[N]`.
    """
    return {"error": float(np.mean(predicted != label))}

"""How much of an example its code keeps."""

import numpy as np


def likelihood_bounds(log_weights: np.ndarray) -> dict[str, float]:
    """Lower bounds of E log p(x), in nats, of log p(z) p(x|z) / q(z|x) `[N, K]`.

    - `elbo`: the mean over the K latents z of q and over examples;
    - `log_likelihood`: the mean over examples of log 1/K sum_k w_k, which rises to E
      log p(x) with K.

    Burda et al. 2016, "Importance Weighted Autoencoders", eq. 8 and theorem 1.
    """
    from scipy.special import logsumexp

    log_weights = np.asarray(log_weights, np.float64)
    bounds = logsumexp(log_weights, axis=1) - np.log(log_weights.shape[1])
    return {"elbo": float(log_weights.mean()), "log_likelihood": float(bounds.mean())}


def reconstruction_quality(
    real: np.ndarray, reconstruction: np.ndarray
) -> dict[str, float]:
    """How near reconstructions are to their originals, both `[N, ...]`.

    - `reconstruction_error`: the mean of ||x - x'||^2, summed over an example;
    - `sharpness`, of images: `laplacian_variance` of the reconstructions over that of
      the originals; less than 1 is blurred.
    """
    square = np.square(np.asarray(real, np.float64) - reconstruction)
    measured = {
        "reconstruction_error": float(square.reshape(len(real), -1).sum(1).mean())
    }
    if real.ndim == 4:
        sharpness = laplacian_variance(reconstruction) / laplacian_variance(real)
        measured["sharpness"] = sharpness
    return measured


def laplacian_variance(images: np.ndarray) -> float:
    """The variance of the Laplacian over all inner pixels of images `[N, H, W, C]`.

    The Laplacian of a pixel is the sum of its four neighbours less four times itself;
    blur takes away what is large in it.

    Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy: a
    comparative study", section 2 (LAPV).
    """
    x = np.asarray(images, np.float64)
    inner = x[:, 1:-1, 1:-1]
    around = x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:]
    return float(np.var(around - 4 * inner))

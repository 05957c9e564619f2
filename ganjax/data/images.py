"""Images that are resident on the device."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ganjax.keys import example_keys
from ganjax.types import Batch, Source


def resident(images: np.ndarray, labels: np.ndarray, *, classes: int) -> Source:
    """Draws from all images with replacement, so that a batch is i.i.d. of the data.

    Args:
      images: uint8 `[N, H, W, C]`; they stay uint8 on the device, and only what a batch
        gathers becomes float32 in [-1, 1].
      labels: int `[N]`.
      classes: how many there are, also where not all occur.
    """
    arrays = {"images": images, "labels": labels.astype(np.int32)}

    def batch(
        arrays: dict[str, Array],
        key: Array,
        step: Array | int,
        round: Array | int,
        index: Array,
    ) -> Batch:
        keys = example_keys(key, step, round, index)
        count = arrays["images"].shape[0]
        row = jax.vmap(lambda key: jax.random.randint(key, (), 0, count))(keys)
        pixels = jnp.asarray(arrays["images"])[row].astype(jnp.float32)
        # Compiled, pixels / 127.5 - 1 would make white 1.0000001.
        real = (pixels - 127.5) / 127.5
        return Batch(real, label=jnp.asarray(arrays["labels"])[row])

    return Source(arrays, batch, classes=classes)


def digits() -> Source:
    """scikit-learn's 1,797 handwritten digits, 8 x 8 x 1, ten classes; offline.

    E. Alpaydin and C. Kaynak 1998, "Optical Recognition of Handwritten Digits".
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    images = np.round(data.images * (255 / 16)).astype(np.uint8)
    return resident(images[..., None], data.target, classes=10)

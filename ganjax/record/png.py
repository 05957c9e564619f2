"""Pixels as PNG files. No jax."""

import io

import numpy as np
from PIL import Image


def png_bytes(pixels: np.ndarray) -> bytes:
    """Encodes uint8 `[H, W, 3]`, `[H, W, 1]` or `[H, W]` as a PNG file.

    Raises `ValueError` for any other array.
    """
    pixels = np.asarray(pixels)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    colour = pixels.ndim == 3 and pixels.shape[2] == 3
    if pixels.dtype != np.uint8 or not (colour or pixels.ndim == 2):
        raise ValueError(
            "a picture must be uint8 [H, W, 3], [H, W, 1] or [H, W], "
            f"not {pixels.dtype} {list(pixels.shape)}"
        )
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()

"""Pictures from arrays, by numpy and PIL only: grids of images, and plots. No jax."""

from ganjax.draw.frame import BROKEN, Bounds
from ganjax.draw.images import image_grid, image_map, image_rows, png_bytes
from ganjax.draw.points import (
    CLASSES,
    FAKE,
    REAL,
    class_scatter,
    field_axes,
    histogram,
    scatter,
)

__all__ = [
    "BROKEN",
    "CLASSES",
    "FAKE",
    "REAL",
    "Bounds",
    "class_scatter",
    "field_axes",
    "histogram",
    "image_grid",
    "image_map",
    "image_rows",
    "png_bytes",
    "scatter",
]

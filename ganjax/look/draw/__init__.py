"""Pictures from arrays: grids of images, by PIL, and plots, by matplotlib. No jax."""

from ganjax.look.draw.frame import BROKEN, Bounds
from ganjax.look.draw.images import image_grid, image_map, image_rows
from ganjax.look.draw.points import (
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
    "scatter",
]

"""The sources of real examples, by name."""

from collections.abc import Callable

from ganjax.data.folder import class_folders, image_folder, own_images
from ganjax.data.images import digits
from ganjax.data.mixture import grid, mixture, ring
from ganjax.data.mnist import fashion_mnist, mnist
from ganjax.types import Source

SOURCES: dict[str, Callable[..., Source]] = {
    "ring": ring,
    "grid": grid,
    "mixture": mixture,
    "digits": digits,
    "mnist": mnist,
    "fashion_mnist": fashion_mnist,
    "image_folder": image_folder,
    "class_folders": class_folders,
    "own_images": own_images,
}

# Sources whose density is known, as Gaussian components in their arrays.
MIXTURES = frozenset({"ring", "grid", "mixture"})

"""Sources of real examples."""

from collections.abc import Callable

from ganjax.data.images import digits
from ganjax.data.mixture import grid, mixture, ring
from ganjax.types import Source

SOURCES: dict[str, Callable[..., Source]] = {
    "ring": ring,
    "grid": grid,
    "mixture": mixture,
    "digits": digits,
}

# Sources whose density is known, as Gaussian components in their arrays.
MIXTURES = frozenset({"ring", "grid", "mixture"})

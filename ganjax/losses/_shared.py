"""What the losses of every family share."""

import jax.numpy as jnp
from jax import Array


def check_paired(**arrays: Array) -> None:
    """Raise `ValueError` where arrays that are compared by index differ in shape."""
    # [B] against [B, 1] would broadcast to [B, B] and compare all with all, silently.
    shapes = {name: jnp.shape(array) for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"compared by index, so of one shape: {found}")

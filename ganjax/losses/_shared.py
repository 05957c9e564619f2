"""What the losses of every family share."""

import jax.numpy as jnp
from jax import Array


def widen(values: Array) -> Array:
    """Half precision as float32; float32 and float64 as they are."""
    values = jnp.asarray(values)  # NumPy's float64 is float32 here, without a warning
    return values.astype(jnp.promote_types(values.dtype, jnp.float32))


def mean(values: Array, axis: int | None = None) -> Array:
    """The mean over `axis`, or over all axes, in float32 (float64 for float64)."""
    # A mean of many half-precision numbers must not be summed in half precision.
    return jnp.mean(widen(values), axis)


def check_paired(**arrays: Array) -> None:
    """Raise `ValueError` where arrays that are compared by index differ in shape."""
    # [B] against [B, 1] would broadcast to [B, B] and compare all with all, silently.
    shapes = {name: jnp.shape(array) for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"compared by index, so of one shape: {found}")

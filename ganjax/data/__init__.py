"""Sources of real examples; `look` sees whether their files are there, without jax."""

from ganjax.data.files import DataError

__all__ = ["DataError"]

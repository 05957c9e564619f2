"""Augmentations: what the discriminator sees of examples while it is trained.

Each takes examples `[B, ...]`, real or generated, `keys [B]`, one per example, and its
numbers by keyword, and returns examples of the same shape. A generator's gradient
passes through it.
"""

from collections.abc import Mapping

import jax
from jax import Array

from ganjax.keys import fold_name
from ganjax.types import View


def instance_noise(examples: Array, keys: Array, *, strength: float | Array) -> Array:
    """x + strength * e with e ~ N(0, 1) for each number of each example.

    `strength` is in the units of the examples. On real and generated ones alike it
    lets their distributions overlap, so that a divergence between them is finite and
    the discriminator's gradient means something.

    Sønderby et al. 2017, "Amortised MAP Inference for Image Super-resolution"; Arjovsky
    and Bottou 2017, "Towards Principled Methods for Training Generative Adversarial
    Networks", section 3.
    """
    return examples + strength * _normal(keys, examples)


def _normal(keys: Array, like: Array) -> Array:
    def draw(key: Array, example: Array) -> Array:
        return jax.random.normal(key, example.shape, example.dtype)

    return jax.vmap(draw)(keys, like)


def compose(views: Mapping[str, View]) -> View:
    """One view after the other, in the mapping's order, each with keys of its own."""

    def view(examples: Array, keys: Array) -> Array:
        for name, each in views.items():
            examples = each(examples, fold_name(keys, name))
        return examples

    return view

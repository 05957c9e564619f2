"""Likelihoods p(x|z): how probable an example is, by what a generator makes of z.

Examples are `[B, ...]`, a likelihood is in nats, summed over all axes of an example.
"""

import math

import jax.numpy as jnp
from jax import Array
from jax.nn import log_sigmoid

from ganjax.losses._shared import check_paired
from ganjax.precision import sum_by_example, widen
from ganjax.types import Likelihood


def bernoulli() -> Likelihood:
    """log p(x|z) = sum_i t_i log sigmoid(l_i) + (1 - t_i) log sigmoid(-l_i).

    The generator makes the logits l; t = (x + 1) / 2 for a pixel x in [-1, 1], which is
    a probability only for black and white, -1 and 1; grey pixels give the negative
    cross-entropy, as is common. The mean example is 2 sigmoid(l) - 1.

    Kingma and Welling 2014, "Auto-Encoding Variational Bayes", eq. 11.
    """

    def log_p(examples: Array, made: Array) -> Array:
        check_paired(examples=examples, made=made)
        target, logits = (widen(examples) + 1) / 2, widen(made)
        # log sigmoid(l) = l + log sigmoid(-l).
        return sum_by_example(target * logits + log_sigmoid(-logits))

    return Likelihood(log_p, mean=lambda made: jnp.tanh(made / 2))


def gaussian(*, noise_variance: float | Array) -> Likelihood:
    """log p(x|z) = -1/2 sum_i (x_i - m_i)^2 / v + log(2 pi v).

    The generator makes the means m; v is `noise_variance`, of every pixel.

    Kingma and Welling 2014, "Auto-Encoding Variational Bayes", eq. 12.
    """

    def log_p(examples: Array, made: Array) -> Array:
        check_paired(examples=examples, made=made)
        square = jnp.square(widen(examples) - widen(made)) / noise_variance
        each = square + jnp.log(noise_variance) + math.log(2 * math.pi)
        return -0.5 * sum_by_example(each)

    return Likelihood(log_p, mean=lambda made: made)

"""Adversarial losses on discriminator scores.

The contract of every loss in this file:

- a score is any real number per example (or per patch) and rises with realness; `r_i`
  is the score of a real example, `s_i` of a generated one, `E` the mean over all axes;
- arrays are positional, of any shape `[...]` and any float dtype; numbers are
  keyword-only and may be traced; half precision is widened before anything is computed
  of it;
- the result is one scalar, float32 (float64 for float64 scores), to be minimised; a
  batch of 0 examples raises `ValueError`;
- unpaired losses take any two shapes, paired ones compare `r_i` with `s_i` and raise
  `ValueError` when the shapes differ;
- where a discriminator's loss is a sum over the two sides, `<name>_real` and
  `<name>_fake` are its terms, as papers plot them.
"""

import jax.numpy as jnp
from jax import Array
from jax.nn import relu, softplus

from ganjax.axis import mean_over
from ganjax.losses._shared import check_paired
from ganjax.precision import expectation, mean, widen


def minimax_real(real_score: Array) -> Array:
    """E softplus(-r) = -E log D(x).

    Goodfellow et al. 2014, "Generative Adversarial Nets", eq. 1.
    """
    return expectation(lambda r: softplus(-r), real_score)


def minimax_fake(fake_score: Array) -> Array:
    """E softplus(s) = -E log(1 - D(G(z))).

    Goodfellow et al. 2014, "Generative Adversarial Nets", eq. 1.
    """
    return expectation(softplus, fake_score)


def minimax_discriminator(real_score: Array, fake_score: Array) -> Array:
    """E softplus(-r) + E softplus(s): cross-entropy of real against generated.

    The negative of the value function V(D, G) with D = sigmoid(score); it is least,
    log 4, at p = q, where D* = p / (p + q) = 1/2. Many implementations halve the sum;
    the paper and this function add the two terms.

    Goodfellow et al. 2014, "Generative Adversarial Nets", eq. 1.
    """
    return minimax_real(real_score) + minimax_fake(fake_score)


def minimax_generator(fake_score: Array) -> Array:
    """-E softplus(s) = E log(1 - D(G(z))): the saturating generator loss.

    Goodfellow et al. 2014, "Generative Adversarial Nets", eq. 1.
    """
    return -minimax_fake(fake_score)


def non_saturating_real(
    real_score: Array, *, real_target: float | Array = 1.0
) -> Array:
    """E[t softplus(-r) + (1 - t) softplus(r)] with t = real_target.

    Salimans et al. 2016, "Improved Techniques for Training GANs", section 3.4.
    """
    t = real_target
    return expectation(lambda r: t * softplus(-r) + (1 - t) * softplus(r), real_score)


def non_saturating_discriminator(
    real_score: Array, fake_score: Array, *, real_target: float | Array = 1.0
) -> Array:
    """E[t softplus(-r) + (1 - t) softplus(r)] + E softplus(s).

    `real_target` t in (0, 1] is the probability that the discriminator is asked to give
    to real examples; below 1 it is one-sided label smoothing (Salimans et al. 2016,
    "Improved Techniques for Training GANs", section 3.4). At t = 1 this is
    `minimax_discriminator`, whose term of the generated side it shares.

    Goodfellow et al. 2014, "Generative Adversarial Nets", section 3.
    """
    real = non_saturating_real(real_score, real_target=real_target)
    return real + minimax_fake(fake_score)


def non_saturating_generator(fake_score: Array) -> Array:
    """E softplus(-s) = -E log D(G(z)).

    Goodfellow et al. 2014, "Generative Adversarial Nets", section 3.
    """
    return expectation(lambda s: softplus(-s), fake_score)


def least_squares_real(real_score: Array, *, real_target: float | Array = 1.0) -> Array:
    """1/2 E (r - b)^2 with b = real_target.

    Mao et al. 2017, "Least Squares Generative Adversarial Networks", eq. 2.
    """
    return 0.5 * expectation(lambda r: jnp.square(r - real_target), real_score)


def least_squares_fake(fake_score: Array, *, fake_target: float | Array = 0.0) -> Array:
    """1/2 E (s - a)^2 with a = fake_target.

    Mao et al. 2017, "Least Squares Generative Adversarial Networks", eq. 2.
    """
    return 0.5 * expectation(lambda s: jnp.square(s - fake_target), fake_score)


def least_squares_discriminator(
    real_score: Array,
    fake_score: Array,
    *,
    real_target: float | Array = 1.0,
    fake_target: float | Array = 0.0,
) -> Array:
    """1/2 E (r - b)^2 + 1/2 E (s - a)^2 with b = real_target, a = fake_target.

    On raw scores; some implementations put a sigmoid before it. Not the loss-sensitive
    GAN of Qi, which is also abbreviated LS-GAN.

    Mao et al. 2017, "Least Squares Generative Adversarial Networks", eq. 2.
    """
    real = least_squares_real(real_score, real_target=real_target)
    return real + least_squares_fake(fake_score, fake_target=fake_target)


def least_squares_generator(
    fake_score: Array, *, generator_target: float | Array = 1.0
) -> Array:
    """1/2 E (s - c)^2 with c = generator_target.

    Mao et al. 2017, "Least Squares Generative Adversarial Networks", eq. 2.
    """
    return 0.5 * expectation(lambda s: jnp.square(s - generator_target), fake_score)


def hinge_real(real_score: Array) -> Array:
    """E relu(1 - r).

    Lim and Ye 2017, "Geometric GAN", eq. 11-12.
    """
    return expectation(lambda r: relu(1 - r), real_score)


def hinge_fake(fake_score: Array) -> Array:
    """E relu(1 + s).

    Lim and Ye 2017, "Geometric GAN", eq. 11-12.
    """
    return expectation(lambda s: relu(1 + s), fake_score)


def hinge_discriminator(real_score: Array, fake_score: Array) -> Array:
    """E relu(1 - r) + E relu(1 + s).

    Lim and Ye 2017, "Geometric GAN", eq. 11-12; Miyato et al. 2018, "Spectral
    Normalization for Generative Adversarial Networks", eq. 16.
    """
    return hinge_real(real_score) + hinge_fake(fake_score)


def hinge_generator(fake_score: Array) -> Array:
    """-E s.

    Miyato et al. 2018, "Spectral Normalization for GANs", eq. 17.
    """
    return -mean(fake_score)


def wasserstein_real(real_score: Array) -> Array:
    """-E r.

    Arjovsky et al. 2017, "Wasserstein GAN", eq. 2-3.
    """
    return -mean(real_score)


def wasserstein_fake(fake_score: Array) -> Array:
    """E s.

    Arjovsky et al. 2017, "Wasserstein GAN", eq. 2-3.
    """
    return mean(fake_score)


def wasserstein_discriminator(real_score: Array, fake_score: Array) -> Array:
    """E s - E r: minus the estimate of the Wasserstein-1 distance.

    An estimate only while the score is 1-Lipschitz, which the caller sees to by weight
    clipping or a gradient penalty.

    Arjovsky et al. 2017, "Wasserstein GAN", eq. 2-3.
    """
    return wasserstein_real(real_score) + wasserstein_fake(fake_score)


def wasserstein_generator(fake_score: Array) -> Array:
    """-E s.

    Arjovsky et al. 2017, "Wasserstein GAN", theorem 3.
    """
    return -mean(fake_score)


def energy_real(real_score: Array, *, square_weight: float | Array = 0.1) -> Array:
    """E[w r^2 - r] with w = square_weight.

    Du and Mordatch 2019, "Implicit Generation and Modeling with Energy-Based Models",
    algorithm 1.
    """
    square = expectation(jnp.square, real_score)
    return wasserstein_real(real_score) + square_weight * square


def energy_fake(fake_score: Array, *, square_weight: float | Array = 0.1) -> Array:
    """E[s + w s^2] with w = square_weight.

    Du and Mordatch 2019, "Implicit Generation and Modeling with Energy-Based Models",
    algorithm 1.
    """
    square = expectation(jnp.square, fake_score)
    return wasserstein_fake(fake_score) + square_weight * square


def energy_discriminator(
    real_score: Array, fake_score: Array, *, square_weight: float | Array = 0.1
) -> Array:
    """E s - E r + w (E r^2 + E s^2) with w = square_weight.

    The score is minus the paper's energy. At w = 0 and with fakes of the density
    exp(score) / Z the gradient is that of the negative log-likelihood. The squares
    keep the level of the scores, which their difference leaves free, near 0.

    Du and Mordatch 2019, "Implicit Generation and Modeling with Energy-Based Models",
    eq. 2 and algorithm 1.
    """
    real = energy_real(real_score, square_weight=square_weight)
    return real + energy_fake(fake_score, square_weight=square_weight)


def relativistic_discriminator(real_score: Array, fake_score: Array) -> Array:
    """E softplus(-(r_i - s_i)): each real example against the fake of its index.

    Without the factor 2 that some implementations carry. With zero-centred gradient
    penalties on both sides it is the objective of R3GAN.

    Jolicoeur-Martineau 2018, "The relativistic discriminator", eq. 10; Huang et al.
    2024, "The GAN is dead; long live the GAN!", eq. 2.
    """
    check_paired(real_score=real_score, fake_score=fake_score)
    return expectation(lambda r, s: softplus(s - r), real_score, fake_score)


def relativistic_generator(real_score: Array, fake_score: Array) -> Array:
    """E softplus(-(s_i - r_i)): the discriminator's loss with the roles exchanged.

    Jolicoeur-Martineau 2018, "The relativistic discriminator", eq. 11.
    """
    return relativistic_discriminator(fake_score, real_score)


def relativistic_average_discriminator(
    real_score: Array, fake_score: Array, *, axis_name: str | None = None
) -> Array:
    """E softplus(-(r - E s)) + E softplus(s - E r).

    The inner means are over the whole batch, so over the devices of `axis_name` too.
    Not halved, as many implementations do.

    Jolicoeur-Martineau 2018, "The relativistic discriminator", section 4.2.
    """

    real, fake = widen(real_score), widen(fake_score)

    def centre(score: Array) -> Array:
        return mean_over(mean(score), axis_name)

    above = mean(softplus(centre(fake) - real))
    return above + mean(softplus(fake - centre(real)))


def relativistic_average_generator(
    real_score: Array, fake_score: Array, *, axis_name: str | None = None
) -> Array:
    """E softplus(r - E s) + E softplus(-(s - E r)): the roles exchanged.

    Jolicoeur-Martineau 2018, "The relativistic discriminator", section 4.2.
    """
    return relativistic_average_discriminator(
        fake_score, real_score, axis_name=axis_name
    )

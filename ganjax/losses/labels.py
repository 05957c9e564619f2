"""Losses on class logits.

The contract of `scores.py` holds. Logits are `[..., K]`, one per class, and a label is
an int `[...]` in [0, K). Half-precision logits are widened before any exponential.
"""

import jax.numpy as jnp
from jax import Array
from jax.nn import log_softmax, logsumexp

from ganjax.losses._shared import check_paired
from ganjax.losses.scores import (
    minimax_discriminator,
    non_saturating_discriminator,
    non_saturating_generator,
)
from ganjax.precision import mean, widen


def log_probabilities(logits: Array) -> Array:
    """log softmax(logits), `[..., K]`, in float32 (float64 for float64).

    Bishop 2006, "Pattern Recognition and Machine Learning", eq. 4.104.
    """
    return log_softmax(widen(logits), axis=-1)


def label_score(logits: Array, label: Array) -> Array:
    """log softmax(logits)_y, `[...]`: how well an example fits its label, at most 0.

    Minus this is the loss L(x, y) of the conditional LS-GAN, and of a classifier.

    Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities".
    """
    log_p = log_probabilities(logits)
    return jnp.take_along_axis(log_p, jnp.asarray(label)[..., None], axis=-1)[..., 0]


def cross_entropy(logits: Array, label: Array) -> Array:
    """-E log softmax(logits)_y, in nats.

    Bishop 2006, "Pattern Recognition and Machine Learning", eq. 4.108, there summed
    over examples.
    """
    return -mean(label_score(logits, label))


def labelled_cross_entropy(logits: Array, label: Array, is_labelled: Array) -> Array:
    """E 1[labelled] (-log softmax(logits)_y): unlabelled rows count as 0.

    A mean over all rows, so that a mean over devices is the loss of the whole batch.
    The label of an unlabelled row is not read, but must be in range.

    Salimans et al. 2016, "Improved Techniques for Training GANs", section 5.
    """
    check_paired(label=label, is_labelled=is_labelled)
    return -mean(jnp.where(is_labelled, label_score(logits, label), 0.0))


def auxiliary_classifier_discriminator(
    real_score: Array,
    fake_score: Array,
    real_logits: Array,
    fake_logits: Array,
    real_label: Array,
    fake_label: Array,
) -> Array:
    """E softplus(-r) + E softplus(s) - E log p(y | x) - E log p(y | G(z, y)).

    p is the softmax of the logits: cross-entropies of real and of generated examples.
    -(L_S + L_C) of the paper: both terms of L_S and both of L_C count once, while some
    implementations halve them. `fake_label` is what the generator was asked for.

    Odena et al. 2017, "Conditional Image Synthesis with Auxiliary Classifier GANs",
    eq. 2-3.
    """
    classes = cross_entropy(real_logits, real_label)
    classes = classes + cross_entropy(fake_logits, fake_label)
    return non_saturating_discriminator(real_score, fake_score) + classes


def auxiliary_classifier_generator(
    fake_score: Array, fake_logits: Array, fake_label: Array
) -> Array:
    """E softplus(-s) - E log p(y | G(z, y)) with p the softmax of the logits.

    The paper maximises L_C - L_S, whose adversarial part saturates; this is its
    non-saturating form.

    Odena et al. 2017, "Conditional Image Synthesis with Auxiliary Classifier GANs",
    eq. 2-3.
    """
    adversarial = non_saturating_generator(fake_score)
    return adversarial + cross_entropy(fake_logits, fake_label)


def semi_supervised_score(logits: Array) -> Array:
    """log sum_y exp(logits_y), `[...]`: the score of "any of the K classes".

    Its sigmoid is the probability of real where the K + 1st class, "generated", has the
    logit 0. With one class it is that class's logit.

    Salimans et al. 2016, "Improved Techniques for Training GANs", section 5.
    """
    return logsumexp(widen(logits), axis=-1)


def semi_supervised_discriminator(
    real_logits: Array, fake_logits: Array, label: Array, is_labelled: Array
) -> Array:
    """-E 1[labelled] log p(y | x) + E softplus(-r) + E softplus(s).

    p is the softmax of the logits, and r and s are log sum_y exp(logits_y), the scores
    of `semi_supervised_score`. The first term is `labelled_cross_entropy` and weighs as
    much as the share of labelled rows: a batch without any is plain minimax. Labelled
    rows count as real too.

    Salimans et al. 2016, "Improved Techniques for Training GANs", section 5.
    """
    adversarial = minimax_discriminator(
        semi_supervised_score(real_logits), semi_supervised_score(fake_logits)
    )
    return adversarial + labelled_cross_entropy(real_logits, label, is_labelled)


def semi_supervised_generator(fake_logits: Array) -> Array:
    """E softplus(-s) with s = log sum_y exp(logits_y): non-saturating.

    The paper's other choice is `feature_matching`.

    Salimans et al. 2016, "Improved Techniques for Training GANs", section 5.
    """
    return non_saturating_generator(semi_supervised_score(fake_logits))

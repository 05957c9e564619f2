"""The loss-sensitive GANs of Qi, and their margins.

The contract of `scores.py` holds. Qi's loss function L, low for real examples, is minus
a score here: L(x) = -r, L(G(z)) = -s. A margin Delta_i is a distance between the real
and the generated example of one index, `[B]`; it is a constant to both players, so
objectives take it under `stop_gradient`. Qi weighs the hinge, by lambda, and the other
term by 1; here the hinge weighs 1 and the other term real_weight = 1 / lambda, which
may be 0.
"""

import jax.numpy as jnp
from jax import Array

from ganjax.losses._shared import check_paired
from ganjax.losses.labels import label_score, log_probabilities
from ganjax.precision import by_example, mean, widen


def l1_margin(real: Array, fake: Array, *, scale: float | Array) -> Array:
    """scale * sum |x_i - G(z_i)|, `[B]`: summed, not averaged, within an example.

    The author's code takes 2e-4 on images of 64 x 64 x 3 in [-1, 1], 8e-4 with classes.

    Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities".
    """
    check_paired(real=real, fake=fake)
    gap = by_example(real) - by_example(fake)
    # jnp.abs would have the slope 1, not 0, where the two are equal.
    return scale * jnp.sum(gap * jnp.sign(gap), axis=-1)


def l2_margin(real: Array, fake: Array, *, scale: float | Array) -> Array:
    """scale * ||x_i - G(z_i)||, `[B]`: the Euclidean distance, not its square.

    Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities".
    """
    check_paired(real=real, fake=fake)
    squared = jnp.sum(jnp.square(by_example(real) - by_example(fake)), axis=-1)
    apart = squared > 0
    # The inner `where` keeps sqrt'(0) = inf out of the backward pass.
    return scale * jnp.where(apart, jnp.sqrt(jnp.where(apart, squared, 1.0)), 0.0)


def feature_margin(
    real_features: tuple[Array, ...],
    fake_features: tuple[Array, ...],
    *,
    scale: float | Array,
) -> Array:
    """scale * the L1 distance of the features, `[B]`, summed over layers `[B, ...]`.

    Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities".
    """
    first, *others = (
        l1_margin(real, fake, scale=scale)
        for real, fake in zip(real_features, fake_features, strict=True)
    )
    return sum(others, first)


def _violation(real_score: Array, fake_score: Array, margin: Array) -> Array:
    """Delta_i + s_i - r_i: positive where the real example does not lead enough."""
    check_paired(real_score=real_score, fake_score=fake_score)
    if jnp.shape(margin) != jnp.shape(real_score)[:1]:
        raise ValueError(
            f"a margin is one number per example: it has shape {jnp.shape(margin)}, "
            f"real_score {jnp.shape(real_score)}"
        )
    patches = [1] * (jnp.ndim(real_score) - 1)
    margin = jnp.reshape(widen(margin), (-1, *patches))
    return margin + widen(fake_score) - widen(real_score)


def generalized_loss_sensitive_discriminator(
    real_score: Array,
    fake_score: Array,
    margin: Array,
    *,
    slope: float | Array = 0.0,
) -> Array:
    """E C(Delta_i + s_i - r_i) with C(a) = max(a, slope * a) and slope <= 1.

    Slope 0 is LS-GAN; slope 1 is E s - E r + E Delta, whose gradients are those of
    Wasserstein GAN; slope -1 is C(a) = |a|. Scores are `[B]` or, by patch, `[B, ...]`.

    Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities",
    appendix D.
    """
    violation = _violation(real_score, fake_score, margin)
    # `maximum` would share the gradient between its sides at 0, where relu has none.
    return mean(jnp.where(violation > 0, violation, slope * violation))


def generalized_loss_sensitive_generator(fake_score: Array) -> Array:
    """-E s, as in LS-GAN.

    Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities",
    appendix D.
    """
    return loss_sensitive_generator(fake_score)


def loss_sensitive_discriminator(
    real_score: Array,
    fake_score: Array,
    margin: Array,
    *,
    real_weight: float | Array = 0.0,
) -> Array:
    """E relu(Delta_i + s_i - r_i) + real_weight * E (-r).

    A real example should score higher than the generated one of its index by their
    distance. With real_weight > 0 it has no minimum while scores may rise without
    bound: the paper's L is not negative, so a score is at most 0.

    Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities",
    the objective S; its author's code has real_weight 0.
    """
    hinge = generalized_loss_sensitive_discriminator(
        real_score, fake_score, margin, slope=0.0
    )
    return hinge - real_weight * mean(real_score)


def loss_sensitive_generator(fake_score: Array) -> Array:
    """-E s = E L(G(z)).

    Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities",
    the objective T.
    """
    return -mean(fake_score)


def conditional_loss_sensitive_discriminator(
    real_logits: Array,
    fake_logits: Array,
    label: Array,
    margin: Array,
    *,
    real_weight: float | Array = 1.0,
) -> Array:
    """E relu(Delta_i + L(x_i, y_i) - L(G(z_i, y_i), y_i)) + real_weight * E L(x, y).

    L(x, y) = -log softmax(logits(x))_y, not negative, so that the second term is the
    cross-entropy. `label [B]` is that of the real example, and the generated one was
    made for it. Logits are `[B, K]`; the class of the
    greatest has the least L.

    Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities",
    on conditional LS-GAN (CLS-GAN).
    """
    return loss_sensitive_discriminator(
        label_score(real_logits, label),
        label_score(fake_logits, label),
        margin,
        real_weight=real_weight,
    )


def conditional_loss_sensitive_generator(fake_logits: Array, label: Array) -> Array:
    """E L(G(z, y), y) with L(x, y) = -log softmax(logits(x))_y.

    Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities",
    on conditional LS-GAN (CLS-GAN).
    """
    return loss_sensitive_generator(label_score(fake_logits, label))


def semi_supervised_loss_sensitive_discriminator(
    real_logits: Array,
    fake_logits: Array,
    label: Array,
    is_labelled: Array,
    margin: Array,
    *,
    real_weight: float | Array = 1.0,
) -> Array:
    """E relu(Delta_i + L_i - L(G(z_i, y_i), y_i)) + real_weight * E L_i.

    L(x, y) = -log softmax(logits(x))_y. L_i is L(x_i, y_i) where `is_labelled [B]`, and
    min_y L(x_i, y) elsewhere: an unlabelled example is given its likeliest class. Each
    is compared with the generated example of its index, whose loss is always that under
    the label it was made for; so `label [B]` must be in range in unlabelled rows too,
    where it says nothing of x_i. Both means are over all rows: labelled and unlabelled
    ones weigh as many as they are, either may be missing, and with all labelled this is
    `conditional_loss_sensitive_discriminator`.

    Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities",
    on the semi-supervised extension.
    """
    check_paired(label=label, is_labelled=is_labelled)
    likeliest = jnp.max(log_probabilities(real_logits), axis=-1)
    return loss_sensitive_discriminator(
        jnp.where(is_labelled, label_score(real_logits, label), likeliest),
        label_score(fake_logits, label),
        margin,
        real_weight=real_weight,
    )


def semi_supervised_loss_sensitive_generator(fake_logits: Array, label: Array) -> Array:
    """E L(G(z, y), y), as in CLS-GAN.

    Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities",
    on the semi-supervised extension.
    """
    return conditional_loss_sensitive_generator(fake_logits, label)

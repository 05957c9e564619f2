"""Objectives: which fields of an outcome each player's loss reads.

A builder takes the numbers of its row by keyword, all of which may be traced, and
returns an `Objective`. Formulas and scales are those of the losses.
"""

from collections.abc import Callable
from functools import partial

import jax
from jax import Array

from ganjax import losses
from ganjax.losses.f_divergence import Divergence
from ganjax.types import Likelihood, Objective, Outcome, Terms


def _adversarial(
    discriminator: Callable[[Outcome], Array],
    generator: Callable[[Outcome], Array],
    *,
    threshold: Array | float | None,
) -> Objective:
    """An objective of one term, "adversarial", for each of the two players."""
    return Objective(
        {
            "discriminator": lambda outcome: {"adversarial": discriminator(outcome)},
            "generator": lambda outcome: {"adversarial": generator(outcome)},
        },
        threshold,
    )


def _two_sided(
    real: Callable[[Array], Array],
    fake: Callable[[Array], Array],
    generator: Callable[[Array], Array],
    *,
    threshold: Array | float | None,
) -> Objective:
    """An objective whose discriminator has a term of each side's scores.

    Its terms are "real_loss" and "fake_loss", the generator's is "adversarial".
    """
    return Objective(
        {
            "discriminator": lambda outcome: {
                "real_loss": real(outcome.real_score),
                "fake_loss": fake(outcome.fake_score),
            },
            "generator": lambda outcome: {"adversarial": generator(outcome.fake_score)},
        },
        threshold,
    )


def minimax() -> Objective:
    """Minimax GAN."""
    return _two_sided(
        losses.minimax_real,
        losses.minimax_fake,
        losses.minimax_generator,
        threshold=0.0,
    )


def non_saturating(*, real_target: float | Array) -> Objective:
    """Non-saturating GAN, with one-sided label smoothing below a target of 1."""
    return _two_sided(
        partial(losses.non_saturating_real, real_target=real_target),
        losses.minimax_fake,
        losses.non_saturating_generator,
        threshold=0.0,
    )


def least_squares(
    *,
    real_target: float | Array,
    fake_target: float | Array,
    generator_target: float | Array,
) -> Objective:
    """Least-squares GAN; the paper's b, a, c are real, fake, generator target."""
    return _two_sided(
        partial(losses.least_squares_real, real_target=real_target),
        partial(losses.least_squares_fake, fake_target=fake_target),
        partial(losses.least_squares_generator, generator_target=generator_target),
        threshold=(real_target + fake_target) / 2,
    )


def hinge() -> Objective:
    """Hinge GAN."""
    return _two_sided(
        losses.hinge_real,
        losses.hinge_fake,
        losses.hinge_generator,
        threshold=0.0,
    )


def wasserstein() -> Objective:
    """Wasserstein GAN; the Lipschitz constraint is a penalty or clipped weights."""
    return _two_sided(
        losses.wasserstein_real,
        losses.wasserstein_fake,
        losses.wasserstein_generator,
        threshold=None,
    )


def relativistic() -> Objective:
    """Relativistic GAN, paired by index."""
    return _adversarial(
        lambda o: losses.relativistic_discriminator(o.real_score, o.fake_score),
        lambda o: losses.relativistic_generator(o.real_score, o.fake_score),
        threshold=None,
    )


def relativistic_average(*, axis_name: str | None = None) -> Objective:
    """Relativistic average GAN."""
    return _adversarial(
        lambda o: losses.relativistic_average_discriminator(
            o.real_score, o.fake_score, axis_name=axis_name
        ),
        lambda o: losses.relativistic_average_generator(
            o.real_score, o.fake_score, axis_name=axis_name
        ),
        threshold=None,
    )


def f_divergence(
    *,
    divergence: Divergence,
    generator: str,
) -> Objective:
    """f-GAN; the generator's loss is "saturating" or "direct"."""
    generators = {
        "saturating": losses.f_divergence_generator,
        "direct": losses.f_divergence_direct_generator,
    }
    return _two_sided(
        partial(losses.f_divergence_real, divergence=divergence),
        partial(losses.f_divergence_fake, divergence=divergence),
        partial(generators[generator], divergence=divergence),
        threshold=divergence.threshold,
    )


def _margin(margin: str, margin_scale: float | Array) -> Callable[[Outcome], Array]:
    """The distance by which real examples should lead; no player's gradient sees it."""

    def measured(outcome: Outcome) -> Array:
        if margin == "features":
            pair = outcome.real_features, outcome.fake_features
            return losses.feature_margin(*pair, scale=margin_scale)
        distance = {"l1": losses.l1_margin, "l2": losses.l2_margin}[margin]
        return distance(outcome.real, outcome.fake, scale=margin_scale)

    return lambda outcome: jax.lax.stop_gradient(measured(outcome))


def loss_sensitive(
    *, margin: str, margin_scale: float | Array, real_weight: float | Array
) -> Objective:
    """LS-GAN of Qi."""
    margin_of = _margin(margin, margin_scale)
    return _adversarial(
        lambda o: losses.loss_sensitive_discriminator(
            o.real_score, o.fake_score, margin_of(o), real_weight=real_weight
        ),
        lambda o: losses.loss_sensitive_generator(o.fake_score),
        threshold=None,
    )


def generalized_loss_sensitive(
    *, margin: str, margin_scale: float | Array, slope: float | Array
) -> Objective:
    """GLS-GAN: LS-GAN at slope 0, Wasserstein GAN at slope 1."""
    margin_of = _margin(margin, margin_scale)
    return _adversarial(
        lambda o: losses.generalized_loss_sensitive_discriminator(
            o.real_score, o.fake_score, margin_of(o), slope=slope
        ),
        lambda o: losses.generalized_loss_sensitive_generator(o.fake_score),
        threshold=None,
    )


def conditional_loss_sensitive(
    *, margin: str, margin_scale: float | Array, real_weight: float | Array
) -> Objective:
    """CLS-GAN."""
    margin_of = _margin(margin, margin_scale)
    return _adversarial(
        lambda o: losses.conditional_loss_sensitive_discriminator(
            o.real_logits,
            o.fake_logits,
            o.real_label,
            margin_of(o),
            real_weight=real_weight,
        ),
        lambda o: losses.conditional_loss_sensitive_generator(
            o.fake_logits, o.fake_label
        ),
        threshold=None,
    )


def semi_supervised_loss_sensitive(
    *, margin: str, margin_scale: float | Array, real_weight: float | Array
) -> Objective:
    """CLS-GAN of which only some real examples have a label."""
    margin_of = _margin(margin, margin_scale)
    return _adversarial(
        lambda o: losses.semi_supervised_loss_sensitive_discriminator(
            o.real_logits,
            o.fake_logits,
            o.real_label,
            o.is_labelled,
            margin_of(o),
            real_weight=real_weight,
        ),
        lambda o: losses.semi_supervised_loss_sensitive_generator(
            o.fake_logits, o.fake_label
        ),
        threshold=None,
    )


def auxiliary_classifier() -> Objective:
    """AC-GAN."""
    return _adversarial(
        lambda o: losses.auxiliary_classifier_discriminator(
            *(o.real_score, o.fake_score, o.real_logits, o.fake_logits),
            *(o.real_label, o.fake_label),
        ),
        lambda o: losses.auxiliary_classifier_generator(
            o.fake_score, o.fake_logits, o.fake_label
        ),
        threshold=0.0,
    )


def semi_supervised() -> Objective:
    """Semi-supervised GAN: K classes, and generated as one more."""
    return _adversarial(
        lambda o: losses.semi_supervised_discriminator(
            o.real_logits, o.fake_logits, o.real_label, o.is_labelled
        ),
        lambda o: losses.semi_supervised_generator(o.fake_logits),
        threshold=0.0,
    )


def semi_supervised_feature_matching(*, axis_name: str | None = None) -> Objective:
    """Semi-supervised GAN whose generator matches the mean of features."""
    return _adversarial(
        lambda o: losses.semi_supervised_discriminator(
            o.real_logits, o.fake_logits, o.real_label, o.is_labelled
        ),
        lambda o: losses.feature_matching(
            o.real_features, o.fake_features, axis_name=axis_name
        ),
        threshold=0.0,
    )


def feature_matching(*, axis_name: str | None = None) -> Objective:
    """Minimax discriminator, and a generator that matches the mean of its features."""
    return _adversarial(
        lambda o: losses.minimax_discriminator(o.real_score, o.fake_score),
        lambda o: losses.feature_matching(
            o.real_features, o.fake_features, axis_name=axis_name
        ),
        threshold=0.0,
    )


def classification() -> Objective:
    """A classifier of the labelled examples, as a baseline; no generator."""
    return Objective(
        {
            "discriminator": lambda o: {
                "cross_entropy": losses.labelled_cross_entropy(
                    o.real_logits, o.real_label, o.is_labelled
                )
            }
        },
        threshold=None,
    )


def auto_encoder() -> Objective:
    """Auto-encoder: encoder and generator move down the same loss."""

    def terms(o: Outcome) -> Terms:
        return {"reconstruction": losses.squared_error(o.real, o.reconstruction)}

    return Objective({"encoder": terms, "generator": terms}, threshold=None)


def vae(
    *,
    likelihood: Likelihood,
    beta: float | Array,
    free_bits: float | Array,
    axis_name: str | None = None,
) -> Objective:
    """VAE: at beta 1 and without free bits the loss of both players is -ELBO."""

    def terms(o: Outcome) -> Terms:
        kl = losses.gaussian_kl(
            o.mean, o.log_var, free_bits=free_bits, axis_name=axis_name
        )
        return {
            "reconstruction": losses.negative_log_likelihood(
                o.real, o.reconstruction_logits, likelihood=likelihood
            ),
            "kl": beta * kl,
        }

    return Objective({"encoder": terms, "generator": terms}, threshold=None)


def vae_gan(
    *,
    feature_layer: int,
    fakes: str,
    reconstruction_weight: float | Array,
    beta: float | Array,
) -> Objective:
    """VAE-GAN: no adversarial loss for the encoder, none of features for its opponent.

    `feature_layer` counts from the last, which is 1; `fakes` are samples of the
    "prior", "reconstruction"s, or "both"; `reconstruction_weight` is the generator's.
    """

    def made(o: Outcome) -> list[Array]:
        kinds = {"prior": o.fake_score, "reconstruction": o.reconstruction_score}
        return list(kinds.values()) if fakes == "both" else [kinds[fakes]]

    def features(o: Outcome) -> Array:
        layer = -feature_layer
        return losses.feature_reconstruction(
            o.real_features[layer], o.reconstruction_features[layer]
        )

    def encoder(o: Outcome) -> Terms:
        kl = beta * losses.gaussian_kl(o.mean, o.log_var)
        return {"reconstruction": features(o), "kl": kl}

    def generator(o: Outcome) -> Terms:
        adversarial = [losses.non_saturating_generator(score) for score in made(o)]
        return {
            "reconstruction": reconstruction_weight * features(o),
            "adversarial": sum(adversarial[1:], adversarial[0]),
        }

    def discriminator(o: Outcome) -> Terms:
        fake = [losses.minimax_fake(score) for score in made(o)]
        return {
            "real_loss": losses.non_saturating_real(o.real_score),
            "fake_loss": sum(fake[1:], fake[0]),
        }

    players = {
        "encoder": encoder,
        "generator": generator,
        "discriminator": discriminator,
    }
    return Objective(players, threshold=0.0)


def energy(*, square_weight: float | Array) -> Objective:
    """The discriminator as minus an energy, against what climbs it; no generator."""
    return Objective(
        {
            "discriminator": lambda o: {
                "real_loss": losses.energy_real(
                    o.real_score, square_weight=square_weight
                ),
                "fake_loss": losses.energy_fake(
                    o.fake_score, square_weight=square_weight
                ),
            }
        },
        threshold=None,
    )

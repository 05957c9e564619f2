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
from ganjax.types import Layers, Likelihood, Objective, Outcome, Terms, made


def _scores(o: Outcome) -> tuple[Array, Array]:
    return made(o.real_score), made(o.fake_score)


def _features(o: Outcome) -> tuple[Layers, Layers]:
    return made(o.real_features), made(o.fake_features)


def _labelled(o: Outcome) -> tuple[Array, Array, Array, Array]:
    """Logits of both sides, the real examples' labels, and which of these count."""
    labels = made(o.real_label), made(o.is_labelled)
    return made(o.real_logits), made(o.fake_logits), *labels


def _code(o: Outcome) -> tuple[Array, Array]:
    return made(o.mean), made(o.log_var)


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
                "real_loss": real(made(outcome.real_score)),
                "fake_loss": fake(made(outcome.fake_score)),
            },
            "generator": lambda outcome: {
                "adversarial": generator(made(outcome.fake_score))
            },
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
        lambda o: losses.relativistic_discriminator(*_scores(o)),
        lambda o: losses.relativistic_generator(*_scores(o)),
        threshold=None,
    )


def relativistic_average(*, axis_name: str | None = None) -> Objective:
    """Relativistic average GAN."""
    return _adversarial(
        lambda o: losses.relativistic_average_discriminator(
            *_scores(o), axis_name=axis_name
        ),
        lambda o: losses.relativistic_average_generator(
            *_scores(o), axis_name=axis_name
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
            return losses.feature_margin(*_features(outcome), scale=margin_scale)
        distance = {"l1": losses.l1_margin, "l2": losses.l2_margin}[margin]
        return distance(made(outcome.real), made(outcome.fake), scale=margin_scale)

    return lambda outcome: jax.lax.stop_gradient(measured(outcome))


def loss_sensitive(
    *, margin: str, margin_scale: float | Array, real_weight: float | Array
) -> Objective:
    """LS-GAN of Qi."""
    margin_of = _margin(margin, margin_scale)
    return _adversarial(
        lambda o: losses.loss_sensitive_discriminator(
            *_scores(o), margin_of(o), real_weight=real_weight
        ),
        lambda o: losses.loss_sensitive_generator(made(o.fake_score)),
        threshold=None,
    )


def generalized_loss_sensitive(
    *, margin: str, margin_scale: float | Array, slope: float | Array
) -> Objective:
    """GLS-GAN: LS-GAN at slope 0, Wasserstein GAN at slope 1."""
    margin_of = _margin(margin, margin_scale)
    return _adversarial(
        lambda o: losses.generalized_loss_sensitive_discriminator(
            *_scores(o), margin_of(o), slope=slope
        ),
        lambda o: losses.generalized_loss_sensitive_generator(made(o.fake_score)),
        threshold=None,
    )


def conditional_loss_sensitive(
    *, margin: str, margin_scale: float | Array, real_weight: float | Array
) -> Objective:
    """CLS-GAN."""
    margin_of = _margin(margin, margin_scale)
    return _adversarial(
        lambda o: losses.conditional_loss_sensitive_discriminator(
            made(o.real_logits),
            made(o.fake_logits),
            made(o.real_label),
            margin_of(o),
            real_weight=real_weight,
        ),
        lambda o: losses.conditional_loss_sensitive_generator(
            made(o.fake_logits), made(o.fake_label)
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
            *_labelled(o), margin_of(o), real_weight=real_weight
        ),
        lambda o: losses.semi_supervised_loss_sensitive_generator(
            made(o.fake_logits), made(o.fake_label)
        ),
        threshold=None,
    )


def auxiliary_classifier() -> Objective:
    """AC-GAN."""
    return _adversarial(
        lambda o: losses.auxiliary_classifier_discriminator(
            *_scores(o),
            *(made(o.real_logits), made(o.fake_logits)),
            *(made(o.real_label), made(o.fake_label)),
        ),
        lambda o: losses.auxiliary_classifier_generator(
            made(o.fake_score), made(o.fake_logits), made(o.fake_label)
        ),
        threshold=0.0,
    )


def semi_supervised() -> Objective:
    """Semi-supervised GAN: K classes, and generated as one more."""
    return _adversarial(
        lambda o: losses.semi_supervised_discriminator(*_labelled(o)),
        lambda o: losses.semi_supervised_generator(made(o.fake_logits)),
        threshold=0.0,
    )


def semi_supervised_feature_matching(*, axis_name: str | None = None) -> Objective:
    """Semi-supervised GAN whose generator matches the mean of features."""
    return _adversarial(
        lambda o: losses.semi_supervised_discriminator(*_labelled(o)),
        lambda o: losses.feature_matching(*_features(o), axis_name=axis_name),
        threshold=0.0,
    )


def feature_matching(*, axis_name: str | None = None) -> Objective:
    """Minimax discriminator, and a generator that matches the mean of its features."""
    return _adversarial(
        lambda o: losses.minimax_discriminator(*_scores(o)),
        lambda o: losses.feature_matching(*_features(o), axis_name=axis_name),
        threshold=0.0,
    )


def classification() -> Objective:
    """A classifier of the labelled examples, as a baseline; no generator."""
    return Objective(
        {
            "discriminator": lambda o: {
                "cross_entropy": losses.labelled_cross_entropy(
                    made(o.real_logits), made(o.real_label), made(o.is_labelled)
                )
            }
        },
        threshold=None,
    )


def auto_encoder() -> Objective:
    """Auto-encoder: encoder and generator move down the same loss."""

    def terms(o: Outcome) -> Terms:
        return {
            "reconstruction": losses.squared_error(made(o.real), made(o.reconstruction))
        }

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
        kl = losses.gaussian_kl(*_code(o), free_bits=free_bits, axis_name=axis_name)
        return {
            "reconstruction": losses.negative_log_likelihood(
                made(o.real), made(o.reconstruction_logits), likelihood=likelihood
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

    def judged(o: Outcome) -> list[Array]:
        kinds = {
            "prior": made(o.fake_score),
            "reconstruction": made(o.reconstruction_score),
        }
        return list(kinds.values()) if fakes == "both" else [kinds[fakes]]

    def features(o: Outcome) -> Array:
        layer = -feature_layer
        return losses.feature_reconstruction(
            made(o.real_features)[layer], made(o.reconstruction_features)[layer]
        )

    def encoder(o: Outcome) -> Terms:
        kl = beta * losses.gaussian_kl(*_code(o))
        return {"reconstruction": features(o), "kl": kl}

    def generator(o: Outcome) -> Terms:
        adversarial = [losses.non_saturating_generator(score) for score in judged(o)]
        return {
            "reconstruction": reconstruction_weight * features(o),
            "adversarial": sum(adversarial[1:], adversarial[0]),
        }

    def discriminator(o: Outcome) -> Terms:
        fake = [losses.minimax_fake(score) for score in judged(o)]
        return {
            "real_loss": losses.non_saturating_real(made(o.real_score)),
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
                    made(o.real_score), square_weight=square_weight
                ),
                "fake_loss": losses.energy_fake(
                    made(o.fake_score), square_weight=square_weight
                ),
            }
        },
        threshold=None,
    )

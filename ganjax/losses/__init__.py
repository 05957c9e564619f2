"""Losses: arrays in, one scalar out."""

from ganjax.losses.scores import (
    hinge_discriminator,
    hinge_generator,
    least_squares_discriminator,
    least_squares_generator,
    minimax_discriminator,
    minimax_generator,
    non_saturating_discriminator,
    non_saturating_generator,
    relativistic_average_discriminator,
    relativistic_average_generator,
    relativistic_discriminator,
    relativistic_generator,
    wasserstein_discriminator,
    wasserstein_generator,
)

__all__ = [
    "hinge_discriminator",
    "hinge_generator",
    "least_squares_discriminator",
    "least_squares_generator",
    "minimax_discriminator",
    "minimax_generator",
    "non_saturating_discriminator",
    "non_saturating_generator",
    "relativistic_average_discriminator",
    "relativistic_average_generator",
    "relativistic_discriminator",
    "relativistic_generator",
    "wasserstein_discriminator",
    "wasserstein_generator",
]

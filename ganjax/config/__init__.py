"""Configs: what they may say, how they are written, loaded and checked. No jax.

What an experiment file needs is imported from here.
"""

from ml_collections import ConfigDict

from ganjax.config.experiment import ConfigError
from ganjax.config.loading import flatten, load, override
from ganjax.config.points import (
    between,
    product,
    random_points,
    sobol_points,
    zipped,
)
from ganjax.config.writing import (
    augmentation,
    correction,
    defaults,
    divergences,
    measure,
    objectives,
    parse_arg,
    penalty,
    schedule,
    section,
)

__all__ = [
    "ConfigDict",
    "ConfigError",
    "augmentation",
    "between",
    "correction",
    "defaults",
    "divergences",
    "flatten",
    "load",
    "measure",
    "objectives",
    "override",
    "parse_arg",
    "penalty",
    "product",
    "random_points",
    "schedule",
    "section",
    "sobol_points",
    "zipped",
]

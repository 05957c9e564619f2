"""Experiments with generative adversarial objectives in JAX."""

__version__ = "0.1.0"

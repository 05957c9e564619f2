"""Per-player optimizers, and schedules of numbers.

A builder takes the keywords of its row; its floats may be traced, so the chains hold no
schedules of their own: whatever number changes over a run is resolved by
`resolve_schedules` before the builder sees it.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

Number = float | Array

SHAPES: dict[str, Callable[[Array, Number], Array]] = {
    "linear": lambda progress, final: 1 + (final - 1) * progress,
    "cosine": lambda progress, final: (
        final + (1 - final) * 0.5 * (1 + jnp.cos(jnp.pi * progress))
    ),
    "exponential": lambda progress, final: final**progress,
}


def resolve_schedules(numbers: dict[str, Any], progress: Array) -> dict[str, Any]:
    """Multiplies each number that has a schedule by the schedule's present factor.

    Args:
      numbers: nested dict of scalars, in which `x` may have a sibling
        `x_schedule: {shape: final}`, the factor of x at the end of the run.
      progress: the part of the run that is over, 0 to 1.

    Returns:
      `numbers` without the schedules.
    """
    resolved = {}
    for key, value in numbers.items():
        if key.endswith("_schedule"):
            continue
        if isinstance(value, dict):
            resolved[key] = resolve_schedules(value, progress)
            continue
        for shape, final in numbers.get(f"{key}_schedule", {}).items():
            value = value * SHAPES[shape](progress, final)
        resolved[key] = value
    return resolved


def unscheduled(numbers: dict[str, Any]) -> dict[str, Any]:
    """`numbers` without their schedules, whose factors are 1 when a run begins."""
    return {
        key: unscheduled(value) if isinstance(value, dict) else value
        for key, value in numbers.items()
        if not key.endswith("_schedule")
    }


def clip_weights(limit: Number) -> optax.GradientTransformation:
    """Changes an update so that the weights it leads to lie within [-limit, limit].

    Arjovsky et al. 2017, "Wasserstein GAN", algorithm 1. Must be the last of a chain.
    """
    return _projected(lambda weights: jnp.clip(weights, -limit, limit))


def limit_column_norms(limit: Number) -> optax.GradientTransformation:
    """Scales down each column of a matrix that an update makes longer than `limit`.

    A column `[:, j]` holds the weights that lead into unit j; arrays that are no
    matrices stay as they are. Hinton et al. 2012, "Improving Neural Networks by
    Preventing Co-Adaptation of Feature Detectors", section 2. Must be the last of a
    chain.
    """

    def project(weights: Array) -> Array:
        if weights.ndim != 2:
            return weights
        norm = jnp.linalg.norm(weights, axis=0)
        return weights * (limit / jnp.maximum(norm, limit))

    return _projected(project)


def _projected(project: Callable[[Array], Array]) -> optax.GradientTransformation:
    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        changed = jax.tree.map(lambda u, p: project(p + u) - p, updates, params)
        return changed, state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def _chain(
    core: optax.GradientTransformation,
    learning_rate: Number,
    gradient_norm: Number | None,
    weights: Number | None,
    column_norm: Number | None,
) -> optax.GradientTransformation:
    links = [core, optax.scale_by_learning_rate(learning_rate)]
    if gradient_norm is not None:
        links.insert(0, optax.clip_by_global_norm(gradient_norm))
    if weights is not None:
        links.append(clip_weights(weights))
    if column_norm is not None:
        links.append(limit_column_norms(column_norm))
    return optax.chain(*links)


def sgd(
    *,
    learning_rate: Number,
    momentum: Number,
    clip_gradient_norm: Number | None = None,
    clip_weights: Number | None = None,
    max_column_norm: Number | None = None,
) -> optax.GradientTransformation:
    """Stochastic gradient descent with heavy-ball momentum."""
    core = optax.trace(decay=momentum)
    limits = clip_gradient_norm, clip_weights, max_column_norm
    return _chain(core, learning_rate, *limits)


def rmsprop(
    *,
    learning_rate: Number,
    decay: Number,
    eps: Number,
    clip_gradient_norm: Number | None = None,
    clip_weights: Number | None = None,
    max_column_norm: Number | None = None,
) -> optax.GradientTransformation:
    """RMSProp (Hinton 2012, lecture 6e), by g / (sqrt(E g^2) + eps).

    So do PyTorch and old Keras; the Keras of today takes g / sqrt(E g^2 + eps) with an
    eps of 1e-7, by which gradients far below 3e-4 hardly move anything.
    """
    core = optax.scale_by_rms(decay=decay, eps=eps, eps_in_sqrt=False)
    limits = clip_gradient_norm, clip_weights, max_column_norm
    return _chain(core, learning_rate, *limits)


def adam(
    *,
    learning_rate: Number,
    b1: Number,
    b2: Number,
    eps: Number,
    clip_gradient_norm: Number | None = None,
    clip_weights: Number | None = None,
    max_column_norm: Number | None = None,
) -> optax.GradientTransformation:
    """Adam (Kingma and Ba 2015, algorithm 1)."""
    core = optax.scale_by_adam(b1=b1, b2=b2, eps=eps)
    limits = clip_gradient_norm, clip_weights, max_column_norm
    return _chain(core, learning_rate, *limits)

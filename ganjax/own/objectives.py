"""Objectives of an experiment's file, of pure loss functions."""

import inspect
from collections.abc import Callable
from typing import Any

from jax import Array

from ganjax.config.catalogue import Part
from ganjax.types import Objective, Outcome, PartError, Terms


def of_losses(part: Part) -> Callable[..., Objective]:
    """The builder of a row of `ganjax.config.parts.objective`, of pure losses.

    Each player's loss is one term, under the objective's name.
    """
    losses, threshold = part.builder

    def build(**numbers: Any) -> Objective:
        return Objective(
            {
                player: _own_terms(part.name, player, loss, numbers)
                for player, loss in losses.items()
            },
            threshold,
        )

    return build


def _own_terms(
    name: str, player: str, loss: Callable[..., Array], numbers: dict[str, Any]
) -> Callable[[Outcome], Terms]:
    arguments = inspect.signature(loss).parameters.values()
    fields = [p.name for p in arguments if p.kind is p.POSITIONAL_OR_KEYWORD]
    own = {p.name: numbers[p.name] for p in arguments if p.name in numbers}

    def terms(outcome: Outcome) -> Terms:
        value = loss(*(getattr(outcome, field) for field in fields), **own)
        shape = getattr(value, "shape", None)
        if shape != ():
            found = type(value).__name__ if shape is None else list(shape)
            raise PartError(
                f"objective {name}: the loss of the {player} must return one scalar, "
                f"not {found}"
            )
        return {name: value}

    return terms

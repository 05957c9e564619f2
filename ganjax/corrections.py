"""Corrections of the joint gradient field.

Each takes the field v as a function, `field(params) -> {player: gradient}`, and
`params`, by player too; and its numbers by keyword. It returns what the gradient of
each player gains, shaped like `params`.
"""

from collections.abc import Callable

import jax
import optax
from jax import Array

from ganjax.types import Tree


def consensus(
    field: Callable[[Tree], Tree], params: Tree, *, weight: float | Array
) -> Tree:
    """The gradient of w/2 ||v(params)||^2, for each player in its own parameters.

    With J the Jacobian of v it is w J^T v: the players agree to make the field small,
    which damps their rotation around an equilibrium. v is that of one batch, whose
    noise the square adds to.

    Mescheder et al. 2017, "The Numerics of GANs", section 4.
    """

    def energy(params: Tree) -> Array:
        return 0.5 * weight * optax.tree.norm(field(params), squared=True)

    return jax.grad(energy)(params)

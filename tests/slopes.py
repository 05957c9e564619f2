"""Derivatives against differences, in one program."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose


def check_slope(loss, *points):
    """Of a loss in float64: forward and reverse mode along a random direction."""
    rng = np.random.default_rng(0)
    direction = [rng.normal(size=np.shape(x)) for x in points]
    small = 1e-5

    @jax.jit
    def program(*points):
        def along(t):
            return loss(*(x + t * d for x, d in zip(points, direction, strict=True)))

        gradients = jax.grad(loss, range(len(points)))(*points)
        return (
            (along(small) - along(-small)) / (2 * small),
            jax.jvp(along, (0.0,), (1.0,))[1],
            sum(jnp.vdot(*x) for x in zip(gradients, direction, strict=True)),
        )

    with jax.enable_x64(True):
        expected, *found = program(*points)
    assert expected.dtype == np.float64
    assert_allclose(found, [expected] * 2, rtol=1e-6, atol=1e-8)

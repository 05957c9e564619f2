"""Linear layers: the same numbers in another order, where that is faster."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax.networks.dense import dense

LARGE, SMALL = (256, 512), (16, 8)  # of kernels


def layer_and_inputs(rows, shape):
    inputs = np.random.default_rng(0).normal(size=(*rows, shape[0]))
    return dense(shape[1]), jnp.asarray(inputs, jnp.float32)


def is_turned(rows, shape, differentiated=False):
    layer, inputs = layer_and_inputs(rows, shape)
    variables = layer.init(jax.random.key(0), inputs)
    look = (
        jax.grad(lambda v: layer.apply(v, inputs).sum())
        if differentiated
        else (lambda v: layer.apply(v, inputs))
    )
    return "optimization_barrier" in jax.jit(look).lower(variables).as_text()


@pytest.mark.parametrize(
    ("rows", "shape", "turned"),
    [
        ((32,), LARGE, True),
        ((8, 8), LARGE, True),
        ((65,), LARGE, False),
        ((32,), SMALL, False),
    ],
)
def test_few_rows_are_turned_where_the_kernel_is_large(rows, shape, turned):
    assert is_turned(rows, shape) == turned


@pytest.mark.parametrize(
    ("rows", "shape", "turned"),
    [
        ((256,), SMALL, True),
        ((16, 16), SMALL, True),
        ((255,), SMALL, False),
        ((256,), (16, 1), False),
    ],
)
def test_many_rows_are_turned_for_the_gradient_of_the_kernel_alone(rows, shape, turned):
    assert is_turned(rows, shape, differentiated=True) == turned
    assert not is_turned(rows, shape)


@pytest.mark.parametrize(
    ("rows", "shape"),
    [((4,), LARGE), ((2, 3), LARGE), ((256,), SMALL), ((64, 4), SMALL)],
)
def test_a_layer_is_that_of_flax_in_value_and_derivatives(rows, shape):
    layer, inputs = layer_and_inputs(rows, shape)
    variables = layer.init(jax.random.key(0), inputs)
    plain = nn.Dense(shape[1])
    expected = plain.init(jax.random.key(0), inputs)
    jax.tree.map(np.testing.assert_array_equal, variables, expected)

    def penalised(layer):
        def loss(variables, inputs):
            def score(inputs):
                return jnp.sum(jnp.tanh(layer.apply(variables, inputs)))

            return score(inputs) + jnp.sum(jnp.square(jax.grad(score)(inputs)))

        return loss

    def forward(loss):
        return jax.jvp(loss, (variables, inputs), (variables, inputs))[1]

    for look in (
        lambda loss: jax.value_and_grad(loss, (0, 1))(variables, inputs),
        forward,
    ):
        found, wanted = (jax.jit(lambda: look(penalised(x)))() for x in (layer, plain))  # noqa: B023
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4),
            found,
            wanted,
        )

"""Networks of the Dirac-GAN and of a line of f-GANs, against their formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tables import NETWORK_PARTS, NETWORKS

from ganjax.testing import network_checks
from ganjax.types import Examples

KEYS = jax.random.split(jax.random.key(0), 6)
SHAPES = [(1,), (2,), (3, 2, 1)]


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{name}-{check}")
        for name in ("dirac", "affine")
        for part in NETWORK_PARTS[name].values()
        for check in network_checks(
            part, (2,), latent_size=2, mixes=False, told=False, classes=3
        )
    ],
)
def test_network(check):
    check()


def make(name, player, shape, **keys):
    return NETWORKS[name][player](Examples(shape, classes=0), **keys)


def begun(network, inputs):
    return network.init(jax.random.key(1), inputs, None)


def run(network, variables, inputs, train=True):
    output, mutable = network.apply(variables, inputs, None, KEYS, train=train)
    assert mutable == {}
    return output


@pytest.mark.parametrize("shape", SHAPES)
def test_constant_generator_makes_theta_of_any_latents(shape):
    network = make("dirac", "generator", shape, start=-0.5)
    latents = jax.random.normal(jax.random.key(2), (6, 4))
    variables = begun(network, latents)
    assert_array_equal(variables["params"]["theta"], np.full(shape, -0.5))
    theta = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    made = run(network, {"params": {"theta": theta}}, latents)
    assert_array_equal(made, np.stack([theta] * 6))


@pytest.mark.parametrize("shape", SHAPES)
def test_linear_discriminator_is_a_scalar_product(shape):
    network = make("dirac", "discriminator", shape, start=2.0)
    examples = jax.random.normal(jax.random.key(2), (6, *shape))
    variables = begun(network, examples)
    assert_array_equal(variables["params"]["psi"], np.full(shape, 2.0))
    psi = np.arange(1, 1 + np.prod(shape), dtype=np.float32).reshape(shape)
    score, logits, features = run(network, {"params": {"psi": psi}}, examples)
    assert (logits, features) == (None, ())
    expected = np.reshape(examples, (6, -1)) @ psi.ravel()
    assert_allclose(score, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(1,), (2,)])
def test_affine_generator_moves_and_scales_each_coordinate(shape):
    network = make("affine", "generator", shape, mean=0.5, sd=2.0)
    latents = jax.random.normal(jax.random.key(2), (6, *shape))
    assert_allclose(run(network, begun(network, latents), latents), 0.5 + 2 * latents)
    mean, sd = np.arange(shape[0]) + 3.0, np.arange(shape[0]) - 1.0
    made = run(network, {"params": {"mean": mean, "sd": sd}}, latents)
    assert_allclose(made, mean + sd * latents, rtol=1e-6)


def test_affine_generator_refuses_other_latents():
    network = make("affine", "generator", (2,), mean=0.0, sd=1.0)
    with pytest.raises(ValueError, match=r"latents must be \[B, 2\], not \(6, 3\)"):
        begun(network, jnp.zeros((6, 3)))


def test_tanh_discriminator_is_its_layers():
    network = make("affine", "discriminator", (2,), widths=(5, 4))
    examples = 3 * jax.random.normal(jax.random.key(2), (6, 2))
    variables = begun(network, examples)
    hidden, layers = np.asarray(examples, np.float64), []
    for name in ("Dense_0", "Dense_1"):
        layer = variables["params"][name]
        assert not layer["bias"].any()
        hidden = np.tanh(hidden @ layer["kernel"] + layer["bias"])
        layers.append(hidden)
    last = variables["params"]["Dense_2"]
    score, logits, features = run(network, variables, examples, train=False)
    assert logits is None
    expected = (hidden @ last["kernel"] + last["bias"])[:, 0]
    assert_allclose(score, expected, rtol=1e-5, atol=1e-6)
    for found, layer in zip(features, layers, strict=True):
        assert_allclose(found, layer, rtol=1e-5, atol=1e-6)

"""The first paper's networks, against the same layers in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from tables import NETWORK_PARTS, NETWORKS

from ganjax.testing import network_checks
from ganjax.types import Examples

EXAMPLES = Examples((2, 3, 1), classes=0)
BATCH = 4_000
KEYS = jax.random.split(jax.random.key(1), BATCH)


def discriminator(*, keep_input=1.0, keep_hidden=1.0):
    network = NETWORKS["maxout"]["discriminator"](
        EXAMPLES,
        units=(4, 3),
        pieces=2,
        keep_input=keep_input,
        keep_hidden=keep_hidden,
        reach=0.5,
    )
    inputs = jax.random.normal(jax.random.key(2), (BATCH, *EXAMPLES.shape))
    return network, network.init(jax.random.key(0), inputs, None), inputs


def by_hand(variables, inputs):
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables)
    hidden = (np.asarray(inputs, np.float64).reshape(len(inputs), -1) + 1) / 2
    for layer, units in enumerate((4, 3)):
        dense = params["params"][f"Dense_{layer}"]
        pieces = hidden @ dense["kernel"] + dense["bias"]
        # The pieces of a unit lie next to each other.
        hidden = np.maximum(pieces[:, 0::2], pieces[:, 1::2])
        assert hidden.shape[1] == units
    last = params["params"]["Dense_2"]
    return (hidden @ last["kernel"] + last["bias"])[:, 0]


def test_discriminator_takes_the_greatest_piece():
    network, variables, inputs = discriminator(keep_input=0.8, keep_hidden=0.5)
    output, mutable = network.apply(variables, inputs, None, KEYS, train=False)
    assert_allclose(output[0], by_hand(variables, inputs), atol=1e-5)
    assert [layer.shape for layer in output[2]] == [(BATCH, 4), (BATCH, 3)]
    assert mutable == {}


def test_dropout_keeps_its_share_and_the_mean():
    network, variables, inputs = discriminator(keep_hidden=0.5)
    # One example again and again: what differs is dropout alone. The first layer's
    # features come before it, the score after.
    same = jnp.broadcast_to(inputs[:1], inputs.shape)
    output, _ = network.apply(variables, same, None, KEYS, train=True)
    assert np.ptp(output[2][0], axis=0).max() < 1e-6
    assert len(np.unique(output[0])) > 8
    network, variables, _ = discriminator(keep_input=0.8)
    # The pieces are linear until the maximum, so one unit's mean is found before it:
    # with weights of one sign on a single input, the maximum never changes sides.
    params = jax.tree.map(jnp.zeros_like, variables["params"])
    kernel = params["Dense_0"]["kernel"].at[0, 0].set(1.0).at[0, 1].set(-1.0)
    params["Dense_0"]["kernel"] = kernel
    ones = jnp.ones_like(inputs)
    output, _ = network.apply({"params": params}, ones, None, KEYS, train=True)
    unit = np.asarray(output[2][0][:, 0])
    assert_allclose(np.unique(unit), [0.0, 1 / 0.8], rtol=1e-6)
    error = 4 * np.sqrt(0.8 * 0.2 / BATCH)
    assert_allclose((unit > 0).mean(), 0.8, atol=error)


SMALL = {
    "generator": {"widths": (5,), "reach": 0.9},
    "discriminator": {"units": (4, 3), "pieces": 2, "reach": 0.5},
}


@pytest.mark.parametrize(
    "check",
    [
        check
        for player, part in NETWORK_PARTS["maxout"].items()
        for check in network_checks(
            part, EXAMPLES.shape, keys=SMALL[player], mixes=False, told=False
        )
    ],
    ids=str,
)
def test_network(check):
    check()


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_initial_weights_are_uniform(player):
    made = {"widths": (50,)} if player == "generator" else {"units": (50,)}
    if player == "discriminator":
        made |= {"pieces": 4, "keep_input": 1.0, "keep_hidden": 1.0}
    network = NETWORKS["maxout"][player](EXAMPLES, reach=0.3, **made)
    size = 20 if player == "generator" else 6
    variables = network.init(jax.random.key(3), jnp.zeros((1, size)), None)
    kernel = np.asarray(variables["params"]["Dense_0"]["kernel"])
    assert abs(kernel).max() <= 0.3
    # The variance of U(-a, a) is a^2 / 3; four standard errors, its kurtosis being 1.8.
    error = 4 * np.sqrt(0.8 / kernel.size)
    assert_allclose(kernel.var(), 0.3**2 / 3, rtol=error)


def test_generator_is_rectifiers_and_the_paper_s_sigmoid():
    network = NETWORKS["maxout"]["generator"](EXAMPLES, widths=(5,), reach=0.9)
    latents = np.asarray(jax.random.normal(jax.random.key(4), (7, 3)), np.float64)
    variables = network.init(jax.random.key(0), latents, None)
    made, _ = network.apply(variables, latents, None, KEYS[:7], train=True)
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables)
    first, last = (params["params"][f"Dense_{layer}"] for layer in range(2))
    hidden = np.maximum(latents @ first["kernel"], 0)
    sigmoid = 1 / (1 + np.exp(-(hidden @ last["kernel"])))
    assert_allclose(made.reshape(7, -1), 2 * sigmoid - 1, atol=1e-5)

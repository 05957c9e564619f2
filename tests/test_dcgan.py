"""The convolutional networks: any shape, each normalisation, told classes or not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tables import NETWORK_PARTS, NETWORKS

from ganjax.testing import network_checks
from ganjax.types import Examples

BATCH, LATENT, CLASSES = 4, 5, 3
KEYS = jax.random.split(jax.random.key(0), BATCH)
LABEL = jnp.array([0, 1, 2, 0])


def network_of(player, shape, **changes):
    rows = NETWORK_PARTS["dcgan"][player].keys
    keys = {key: row.default for key, row in rows.items()} | {"channels": (6, 4)}
    latents = {"latent_size": LATENT} if player == "encoder" else {}
    return NETWORKS["dcgan"][player](
        Examples(shape, CLASSES), **latents, axis_name=None, **keys | changes
    )


def inputs_of(player, shape):
    size = (LATENT,) if player == "generator" else shape
    return jax.random.normal(jax.random.key(1), (BATCH, *size))


def make(player, shape, **changes):
    network, inputs = network_of(player, shape, **changes), inputs_of(player, shape)
    return network, network.init(jax.random.key(2), inputs, LABEL), inputs


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ((28, 28, 1), [(14, 14, 6), (7, 7, 4)]),
        ((9, 12, 3), [(5, 6, 6), (3, 3, 4)]),
        ((5, 1, 2), [(3, 1, 6), (2, 1, 4)]),
    ],
)
def test_images_of_any_shape(shape, sizes):
    for player in ("generator", "discriminator"):
        part, keys = NETWORK_PARTS["dcgan"][player], {"channels": (6, 4)}
        for check in network_checks(part, shape, latent_size=LATENT, keys=keys):
            if check.name in ("shapes", "float32"):
                check()
    network, inputs = network_of("discriminator", shape), inputs_of("", shape)

    def layers():
        variables = network.init(KEYS[0], inputs, LABEL)
        return network.apply(variables, inputs, None, KEYS, train=True)[0][2]

    assert [layer.shape[1:] for layer in jax.eval_shape(layers)] == sizes


def test_images_lie_between_minus_one_and_one():
    network = network_of("generator", (8, 8, 1))

    @jax.jit
    def far(latents):
        variables = network.init(KEYS[0], latents, LABEL)
        variables = jax.tree.map(lambda leaf: 10 * leaf, variables)
        return network.apply(variables, latents, None, KEYS, train=True)[0]

    images = far(inputs_of("generator", (8, 8, 1)))
    assert 0.9 < jnp.abs(images).max() <= 1


TOLD = {
    "generator": {"conditioning": "embedding"},
    "discriminator": {"conditioning": "projection", "head": "score_and_logits"},
    "encoder": {},
}
CASES = [
    (player, normalization)
    for player, part in NETWORK_PARTS["dcgan"].items()
    for normalization in part.keys["normalization"].choices
]


def checks_of(player, normalization):
    """Told classes where it is normalised, and elsewhere not."""
    is_plain = normalization == "none"
    channels = (6, 4, 3) if normalization == "batch" else (6, 4)
    keys = {"channels": channels, "normalization": normalization}
    return network_checks(
        NETWORK_PARTS["dcgan"][player],
        (8, 8, 1),
        classes=CLASSES,
        keys=keys if is_plain else {**keys, **TOLD[player]},
        mixes=normalization == "batch",
        told=not is_plain and bool(TOLD[player]),
    )


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{case[1]}-{check}")
        for case in CASES
        for check in checks_of(*case)
    ],
)
def test_network(check):
    check()


@pytest.mark.parametrize(("player", "normalization"), CASES)
def test_only_normalisation_has_a_state(player, normalization):
    network = network_of(player, (8, 8, 1), normalization=normalization)
    inputs = inputs_of(player, (8, 8, 1))
    variables = jax.eval_shape(network.init, KEYS[0], inputs, LABEL)
    collections = {"params"} if normalization == "none" else {"params", "batch_stats"}
    assert set(variables) == collections


def test_spectral_normalisation_divides_by_the_largest_singular_value():
    network, variables, _ = make("discriminator", (8, 8, 1), normalization="spectral")
    variables = jax.tree.map(lambda leaf: 30 * leaf, variables)  # far from norm 1
    image = jax.random.normal(jax.random.key(3), (BATCH, 8, 8, 1))
    for _ in range(50):
        _, state = network.apply(variables, image, None, KEYS, train=True)
        variables = {**variables, **state}
    kernels = [
        np.asarray(leaf).reshape(-1, leaf.shape[-1])
        for leaf in jax.tree.leaves(variables["params"])
        if leaf.ndim > 1
    ]
    true = sorted(np.linalg.svd(kernel, compute_uv=False)[0] for kernel in kernels)
    flat = jax.tree.leaves_with_path(variables["batch_stats"])
    found = sorted(
        float(leaf) for path, leaf in flat if "sigma" in jax.tree_util.keystr(path)
    )
    np.testing.assert_allclose(found, true, rtol=1e-3)


def test_projection_adds_the_features_along_the_class_direction():
    network, variables, images = make(
        "discriminator", (8, 8, 1), normalization="none", conditioning="projection"
    )
    (score, _, features), _ = network.apply(variables, images, LABEL, KEYS, train=True)
    params = jax.tree.map(np.asarray, variables["params"])
    dense = params["Dense_0"]
    last = np.asarray(features[-1])
    linear = last.reshape(BATCH, -1) @ dense["kernel"][:, 0] + dense["bias"][0]
    table = params["Score_0"]["Embed_0"]["embedding"]
    pooled = last.sum(axis=(1, 2))
    expected = linear + (table[np.asarray(LABEL)] * pooled).sum(axis=1)
    np.testing.assert_allclose(score, expected, rtol=1e-4, atol=1e-6)


def judged(head, normalization, scale=1.0):
    """Parameters of a discriminator, the name of its logits' layer, and its output."""
    network, variables, images = make(
        "discriminator", (8, 8, 1), normalization=normalization, head=head
    )
    params = dict(variables["params"])
    last = "Dense_1" if head == "score_and_logits" else None
    if last:
        kernel = scale * params[last]["kernel"]
        params[last] = {**params[last], "kernel": kernel}
    given = {**variables, "params": params}
    output, _ = network.apply(given, images, LABEL, KEYS, train=True)
    return params, last, output


@pytest.mark.parametrize("normalization", ["none", "batch", "spectral"])
def test_score_is_the_same_with_logits_beside_it(normalization):
    alone, _, (score, none, _) = judged("score", normalization)
    both, last, (again, logits, _) = judged("score_and_logits", normalization)
    assert none is None
    assert logits.shape == (BATCH, CLASSES)
    np.testing.assert_array_equal(again, score)
    shared = {name: both[name] for name in alone}
    jax.tree.map(np.testing.assert_array_equal, shared, alone)
    assert set(both) - set(alone) == {last}


def test_logits_are_a_layer_of_the_last_features():
    params, last, (_, logits, features) = judged("score_and_logits", "batch")
    layer = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params[last])
    flat = np.asarray(features[-1], np.float64).reshape(BATCH, -1)
    expected = flat @ layer["kernel"] + layer["bias"]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("normalization", ["none", "spectral"])
def test_spectral_normalisation_takes_the_scale_of_the_logits(normalization):
    _, _, (_, logits, _) = judged("score_and_logits", normalization)
    _, _, (_, scaled, _) = judged("score_and_logits", normalization, scale=7.0)
    factor = 1 if normalization == "spectral" else 7
    np.testing.assert_allclose(scaled, factor * logits, rtol=1e-4, atol=1e-6)


def test_score_is_the_log_probability_of_the_label():
    _, _, (score, logits, _) = judged("log_probability", "spectral")
    logits = np.asarray(logits, np.float64)
    total = np.log(np.exp(logits).sum(axis=1))
    expected = logits[np.arange(BATCH), np.asarray(LABEL)] - total
    np.testing.assert_allclose(score, expected, rtol=1e-4, atol=1e-6)

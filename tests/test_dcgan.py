"""The convolutional networks: any shape, each normalisation, told classes or not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tables import NETWORKS

from ganjax.types import Examples

BATCH, LATENT, CLASSES = 4, 5, 3
KEYS = jax.random.split(jax.random.key(0), BATCH)
LABEL = jnp.array([0, 1, 2, 0])


def make(player, shape, **changes):
    keys = {"channels": (6, 4), "normalization": "batch", "conditioning": "none"}
    if player == "discriminator":
        keys |= {"slope": 0.2, "head": "score"}
    network = NETWORKS["dcgan"][player](
        Examples(shape, CLASSES), axis_name=None, **keys | changes
    )
    inputs = jax.random.normal(
        jax.random.key(1), (BATCH, *((LATENT,) if player == "generator" else shape))
    )
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
    network, variables, latents = make("generator", shape)
    images, _ = network.apply(variables, latents, None, KEYS, train=True)
    assert images.shape == (BATCH, *shape)
    assert images.dtype == jnp.float32
    assert jnp.abs(images).max() <= 1
    network, variables, inputs = make("discriminator", shape)
    output, _ = network.apply(variables, inputs, None, KEYS, train=True)
    score, logits, features = output
    assert score.shape == (BATCH,)
    assert logits is None
    assert [layer.shape[1:] for layer in features] == sizes


@pytest.mark.parametrize(
    ("player", "normalization"),
    [
        ("generator", "none"),
        ("generator", "batch"),
        ("discriminator", "none"),
        ("discriminator", "batch"),
        ("discriminator", "spectral"),
    ],
)
def test_normalisation_has_its_state_and_is_fixed_in_evaluation(player, normalization):
    network, variables, inputs = make(
        player, (8, 8, 1), channels=(6, 4, 3), normalization=normalization
    )
    assert ("batch_stats" in variables) == (normalization != "none")
    _, state = network.apply(variables, inputs, None, KEYS, train=True)
    assert set(state) == set(variables) - {"params"}
    for key, new in state.items():
        changed = jax.tree.map(lambda a, b: bool((a != b).any()), variables[key], new)
        assert any(jax.tree.leaves(changed))
    whole, none = network.apply(variables, inputs, None, KEYS, train=False)
    part, _ = network.apply(variables, inputs[:2], None, KEYS[:2], train=False)
    assert none == {}
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a[:2], b, rtol=1e-5, atol=1e-6),
        whole,
        part,
    )


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


@pytest.mark.parametrize("name", ["dcgan", "dense"])
@pytest.mark.parametrize(
    ("player", "conditioning"),
    [("generator", "embedding"), ("discriminator", "projection")],
)
def test_a_class_matters_only_where_it_is_told(name, player, conditioning):
    def outputs(conditioning, label):
        keys = {"channels": (6, 4)} if name == "dcgan" else {"widths": (6, 4)}
        if player == "discriminator" or name == "dense":
            keys |= {"slope": 0.2}
        if player == "generator" and name == "dense":
            keys |= {"output": "tanh"}
        if player == "discriminator":
            keys |= {"head": "score"}
        network = NETWORKS[name][player](
            Examples((4, 4, 1), CLASSES),
            axis_name=None,
            normalization="none",
            conditioning=conditioning,
            **keys,
        )
        size = (LATENT,) if player == "generator" else (4, 4, 1)
        inputs = jax.random.normal(jax.random.key(1), (BATCH, *size))
        variables = network.init(jax.random.key(2), inputs, LABEL)
        output, _ = network.apply(variables, inputs, label, KEYS, train=True)
        return np.asarray(output if player == "generator" else output[0])

    changed = LABEL.at[1].set(0)
    told = outputs(conditioning, LABEL) != outputs(conditioning, changed)
    assert told.reshape(BATCH, -1).any(axis=1).tolist() == [False, True, False, False]
    untold = outputs("none", LABEL)
    np.testing.assert_array_equal(untold, outputs("none", changed))
    np.testing.assert_array_equal(untold, outputs("none", None))


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

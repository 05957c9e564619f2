"""Networks of any example shape, against the same layers written out in NumPy."""

import jax
import numpy as np
import pytest
from tables import NETWORK_PARTS, NETWORKS

from ganjax.networks.mlp import fourier_features
from ganjax.testing import network_checks
from ganjax.types import Examples

BATCH, LATENT, CLASSES, WIDTHS, SLOPE = 6, 3, 4, (5, 4), 0.2
MOMENTUM, EPSILON = 0.9, 1e-5  # of the batch norm
KEYS = jax.random.split(jax.random.key(9), BATCH)
LABEL = np.array([3, 0, 1, 1, 2, 0])


TOLD = {
    "generator": {"conditioning": "embedding"},
    "discriminator": {"conditioning": "projection", "head": "score_and_logits"},
    "encoder": {},
}


def checks():
    """Of each player's network, and of other shapes what needs no program."""
    for player, part in NETWORK_PARTS["mlp"].items():
        keys = {"widths": WIDTHS, "slope": SLOPE, "normalization": "none"}
        plain = {"keys": keys, "mixes": False, "told": False}
        batch = {
            "keys": {**keys, **TOLD[player], "normalization": "batch"},
            "mixes": True,
            "told": bool(TOLD[player]),
        }
        for norm, asked in {"none": plain, "batch": batch}.items():
            for check in network_checks(part, (5, 4, 3), classes=CLASSES, **asked):
                yield pytest.param(check, id=f"{norm}-{check}")
        for shape in [(1,), (7,), (1, 1, 1)]:
            for check in network_checks(part, shape, classes=CLASSES, **plain):
                if check.name in ("shapes", "float32"):
                    yield pytest.param(check, id=f"{shape}-{check}")


@pytest.mark.parametrize("check", list(checks()))
def test_network(check):
    check()


def test_dense_is_mlp_of_other_defaults():
    for player, part in NETWORK_PARTS["dense"].items():
        other = NETWORK_PARTS["mlp"][player]
        assert part._replace(name="mlp", keys=other.keys) == other
        assert set(part.keys) == set(other.keys)


def test_fourier_features():
    # sin and cos of pi / 2 and 3 pi / 2, then of pi and 3 pi, over the root of two.
    root = 2.0**-0.5
    expected = [0.5, 1.5, 1, -1, 0, 0, 0, 0, -root, -root]
    found = fourier_features(np.array([[0.5, 1.5]], np.float32), 2)
    np.testing.assert_allclose(found, [expected], atol=1e-6)


def test_waves_widen_the_first_layer_alone():
    (_, plain, _), (_, wavy, _) = (
        make("discriminator", (2,), octaves=octaves) for octaves in (0, 3)
    )
    shapes = [jax.tree.map(np.shape, x["params"]) for x in (plain, wavy)]
    first = [x["layers"]["Dense_0"].pop("kernel") for x in shapes]
    assert first == [(2, WIDTHS[0]), (2 * 7, WIDTHS[0])]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("player", NETWORK_PARTS["mlp"])
def test_each_layer_has_a_kernel(player):
    _, variables, _ = make(player, (5, 4, 3))
    kernels = [leaf for leaf in jax.tree.leaves(variables) if leaf.ndim == 2]
    assert len(kernels) == len(WIDTHS) + (2 if player == "encoder" else 1)


def make(player, shape, normalization="none", **changes):
    """A network, its variables and inputs, all far from their initial values."""
    keys = {key: row.default for key, row in NETWORK_PARTS["mlp"][player].keys.items()}
    keys |= {"widths": WIDTHS, "slope": SLOPE, "normalization": normalization}
    examples = Examples(shape, CLASSES)
    latents = (LATENT,) if player == "encoder" else ()
    network = NETWORKS["mlp"][player](
        examples, *latents, axis_name=None, **keys | changes
    )
    inputs = 2 * jax.random.normal(
        jax.random.key(1), (BATCH, *((LATENT,) if player == "generator" else shape))
    )
    variables = network.init(jax.random.key(0), inputs, LABEL)
    # Biases and running means begin at 0, scales and variances at 1.
    leaves, tree = jax.tree.flatten(variables)
    shifts = jax.random.split(jax.random.key(2), len(leaves))
    moved = [
        leaf + 0.5 * jax.random.uniform(key, leaf.shape)
        for leaf, key in zip(leaves, shifts, strict=True)
    ]
    return network, jax.tree.unflatten(tree, moved), inputs


def apply(network, variables, inputs, *, train, label=None):
    return network.apply(variables, inputs, label, KEYS[: len(inputs)], train=train)


def by_hand(variables, inputs, *, train):
    """The last layer's output, the features and the running statistics, in float64."""
    variables = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables)
    params, running = variables["params"], variables.get("batch_stats")
    hidden = np.asarray(inputs, np.float64).reshape(len(inputs), -1)
    features, statistics = [], {}
    for i in range(len(WIDTHS)):
        dense = params["layers"][f"Dense_{i}"]
        hidden = hidden @ dense["kernel"] + dense.get("bias", 0)
        if running:
            norm, old = params["layers"][f"BatchNorm_{i}"], running["layers"]
            old = old[f"BatchNorm_{i}"]
            now = {"mean": hidden.mean(axis=0), "var": hidden.var(axis=0)}
            statistics[f"BatchNorm_{i}"] = {
                kind: MOMENTUM * old[kind] + (1 - MOMENTUM) * now[kind] for kind in now
            }
            used = now if train else old
            hidden = (hidden - used["mean"]) / np.sqrt(used["var"] + EPSILON)
            hidden = hidden * norm["scale"] + norm["bias"]
        hidden = np.where(hidden > 0, hidden, SLOPE * hidden)
        features.append(hidden)
    last = params["Dense_0"]
    return hidden @ last["kernel"] + last["bias"], features, statistics


def assert_close(one, other):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5), one, other
    )


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_discriminator_is_its_layers(normalization, train):
    network, variables, inputs = make("discriminator", (5, 4, 3), normalization)
    (score, logits, features), mutable = apply(network, variables, inputs, train=train)
    expected, layers, statistics = by_hand(variables, inputs, train=train)
    assert logits is None
    assert score.shape == (BATCH,)
    assert [layer.shape for layer in features] == [(BATCH, width) for width in WIDTHS]
    assert_close(score, expected[:, 0])
    assert_close(list(features), layers)
    if normalization == "batch" and train:
        assert_close(mutable, {"batch_stats": {"layers": statistics}})
    else:
        assert mutable == {}


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_generator_is_its_layers(normalization, train):
    network, variables, inputs = make(
        "generator", (5, 4, 3), normalization, output="linear"
    )
    examples, mutable = apply(network, variables, inputs, train=train)
    expected, _, statistics = by_hand(variables, inputs, train=train)
    assert_close(examples, expected.reshape(BATCH, 5, 4, 3))
    if normalization == "batch" and train:
        assert_close(mutable, {"batch_stats": {"layers": statistics}})
    else:
        assert mutable == {}


@pytest.mark.parametrize("train", [True, False])
def test_encoder_has_two_last_layers(train):
    network, variables, inputs = make("encoder", (5, 4, 3), "batch")
    output, _ = apply(network, variables, inputs, train=train)
    for i, made in enumerate(output):
        last = variables["params"]["Posterior_0"][f"Dense_{i}"]
        params = {**variables["params"], "Dense_0": last}
        expected, _, _ = by_hand({**variables, "params": params}, inputs, train=train)
        assert_close(made, expected)


def test_tanh_of_the_linear_output():
    made = {
        output: make("generator", (5, 4, 3), output=output)
        for output in ("linear", "tanh")
    }
    linear, tanh = (apply(*made[output], train=True)[0] for output in made)
    assert np.abs(linear).max() > 1 > np.abs(tanh).max()
    assert_close(tanh, np.tanh(linear))


@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_logits_are_a_layer_beside_the_score(normalization):
    def made(head):
        return make("discriminator", (5, 4, 3), normalization, head=head)

    network, variables, inputs = made("score_and_logits")
    (score, logits, _), _ = apply(network, variables, inputs, train=True)
    expected, layers, _ = by_hand(variables, inputs, train=True)
    assert_close(score, expected[:, 0])
    last = jax.tree.map(
        lambda leaf: np.asarray(leaf, np.float64), variables["params"]["Dense_1"]
    )
    assert last["kernel"].shape == (WIDTHS[-1], CLASSES)
    assert_close(logits, layers[-1] @ last["kernel"] + last["bias"])
    # A run of the score alone begins with the same parameters.
    alone = made("score")[0].init(jax.random.key(0), inputs, None)["params"]
    both = network.init(jax.random.key(0), inputs, None)["params"]
    assert set(both) - set(alone) == {"Dense_1"}
    for part in alone:
        jax.tree.map(np.testing.assert_array_equal, alone[part], both[part])


def test_score_of_logits_alone():
    network, variables, inputs = make("discriminator", (5, 4, 3), head="logits")
    (score, logits, _), _ = apply(network, variables, inputs, train=True)
    expected, _, _ = by_hand(variables, inputs, train=True)
    assert set(variables["params"]) == {"layers", "Dense_0"}  # no layer of a score
    assert expected.shape == (BATCH, CLASSES)
    assert_close(logits, expected)
    assert_close(score, np.log(np.exp(expected).sum(axis=1)))


def test_score_is_the_log_probability_of_the_label():
    head = "log_probability"
    network, variables, inputs = make("discriminator", (5, 4, 3), head=head)
    (score, logits, _), _ = apply(network, variables, inputs, train=True, label=LABEL)
    expected, _, _ = by_hand(variables, inputs, train=True)
    assert set(variables["params"]) == {"layers", "Dense_0"}  # no layer of a score
    assert_close(logits, expected)
    exponentials = np.exp(expected)
    chosen = exponentials[np.arange(BATCH), LABEL]
    assert_close(score, np.log(chosen / exponentials.sum(axis=1)))


def test_log_probability_of_far_logits_is_finite():
    head = "log_probability"
    network, variables, inputs = make("discriminator", (5, 4, 3), head=head)
    # A bias of 1e4 for class 1: it has log 1 = 0, the others -1e4 at least, and the
    # logits themselves are below 100.
    bias = np.array([0.0, 1e4, 0.0, 0.0])
    last = {**variables["params"]["Dense_0"], "bias": bias}
    far = {"params": {**variables["params"], "Dense_0": last}}
    (score, _, _), _ = apply(network, far, inputs, train=True, label=LABEL)
    np.testing.assert_allclose(score, np.where(LABEL == 1, 0.0, -1e4), atol=100)
    assert (np.asarray(score)[LABEL == 1] == 0).all()


@pytest.mark.parametrize(
    ("head", "classes"),
    [("score", 0), ("score_and_logits", 4), ("logits", 4), ("log_probability", 4)],
)
def test_network_says_how_many_logits_it_makes(head, classes):
    assert make("discriminator", (5, 4, 3), head=head)[0].classes == classes
    assert make("generator", (5, 4, 3))[0].classes == 0

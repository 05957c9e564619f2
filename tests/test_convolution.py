"""The fast convolutions against lax's, in value and in first and second derivatives."""

import itertools
import random
import re
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiling import QUICKLY
from jax import lax
from jax.sharding import Mesh, PartitionSpec

from ganjax.networks import convolution
from ganjax.networks.convolution import (
    Convolution,
    TransposedConvolution,
    convolve,
    convolve_transpose,
)

LAYOUT = ("NHWC", "HWIO", "NHWC")
AXES = {
    "window": [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (3, 1), (2, 5)],
    "strides": [(1, 1), (2, 2), (3, 3), (1, 2), (3, 2)],
    # The last is wider than small windows, whose adjoint then has negative padding.
    "padding": ["SAME", "VALID", ((1, 1), (1, 1)), ((0, 2), (1, 0)), ((3, 0), (2, 4))],
    "dilation": [(1, 1), (2, 2), (1, 2)],
    "size": [(8, 8), (9, 6), (5, 7), (2, 3)],
    "channels": [(1, 1), (1, 3), (3, 1), (2, 3)],
    "batch": [1, 2, 3],
}


def reference(x, k, strides, padding, dilation=(1, 1)):
    return lax.conv_general_dilated(
        x, k, strides, padding, rhs_dilation=dilation, dimension_numbers=LAYOUT
    )


def fits(window, strides, padding, dilation, size, channels, batch):
    pads = [0, 0] if isinstance(padding, str) else [sum(pair) for pair in padding]
    axes = zip(window, dilation, size, pads, strict=True)
    return padding == "SAME" or all(d * (k - 1) + 1 <= n + p for k, d, n, p in axes)


def pairwise():
    """Cases such that any two values of two axes meet in one, where they can."""
    generator, met, cases = random.Random(0), set(), []

    def news(case):
        return set(itertools.combinations(enumerate(case), 2)) - met

    while True:
        drawn = [[*map(generator.choice, AXES.values())] for _ in range(400)]
        best = max((case for case in drawn if fits(*case)), key=lambda c: len(news(c)))
        if not news(best):
            return cases
        met |= news(best)
        cases.append(best)


def operands(window, size, channels, batch):
    draw = np.random.default_rng(0).normal
    return draw(size=(batch, *size, channels[0])), draw(size=(*window, *channels))


def derived(function):
    """The value and the derivatives along a curved direction."""

    def both(*arguments):
        value, pull = jax.vjp(function, *arguments)
        return value, pull(jax.tree.map(jnp.sin, value))

    return both


def evaluated(function, *arguments):
    return jax.jit(function).lower(*arguments).compile(QUICKLY)(*arguments)


def assert_close(actual, expected, tolerance):
    for a, b in zip(*map(jax.tree.leaves, (actual, expected)), strict=True):
        scale = max(1.0, np.abs(b).max())
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("case", pairwise(), ids=str)
def test_equals_lax(case):
    window, strides, padding, dilation, size, channels, batch = case
    how = {"strides": strides, "padding": padding, "dilation": dilation}
    x, k = operands(window, size, channels, batch)

    def transposed(y, k):
        return jax.linear_transpose(lambda x: reference(x, k, **how), x)(y)[0]

    def expected(x, k):
        values = derived(derived(partial(reference, **how)))(x, k)
        return values, derived(transposed)(values[0][0], k)

    def actual(x, k):
        values = derived(derived(partial(convolve, **how)))(x, k)
        upwards = partial(convolve_transpose, size=size, **how)
        return values, derived(upwards)(values[0][0], k)

    def elsewhere(x, k):
        at, _ = convolution._fit(size, window, **how)
        y = jnp.sin(convolve(x, k, **how))
        return convolution._lax_transpose(at, y, k), convolution._lax_weights(at, x, y)

    with jax.enable_x64(True):
        known = evaluated(expected, x, k)
        ours, others = evaluated(lambda x, k: (actual(x, k), elsewhere(x, k)), x, k)
        assert_close(ours, known, 1e-10)
        assert_close(others, known[0][0][1], 1e-10)
    assert_close(evaluated(actual, np.float32(x), np.float32(k)), known, 1e-4)


def test_hand_values():
    row = jnp.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 4, 1)
    kernel = jnp.array([1.0, 10.0, 100.0]).reshape(1, 3, 1, 1)
    # One zero on the right: 1 + 20 + 300 and 3 + 40 + 0.
    actual = convolve(row, kernel, strides=(1, 2))
    np.testing.assert_array_equal(actual.ravel(), [321, 43])
    # 1 10 100 and, two to the right, 2 20 200: they meet in 100 + 2. On four pixels
    # the padding swallows the 200, on three the first 1 as well.
    spread = partial(convolve_transpose, row[:, :, :2], kernel, strides=(1, 2))
    np.testing.assert_array_equal(spread(size=(1, 4)).ravel(), [1, 10, 102, 20])
    np.testing.assert_array_equal(spread(size=(1, 3)).ravel(), [10, 102, 20])


def gradients(x, k, strides=(2, 2)):
    def up_and_down(x, k):
        y = jnp.tanh(convolve(x, k, strides=strides))
        x = convolve_transpose(y, k, size=x.shape[1:3], strides=strides)
        return jnp.sum(jnp.sin(x))

    return jax.grad(up_and_down, (0, 1))(x, k)


MAPS = {
    "scan": lambda x, k: lax.map(lambda xk: gradients(*xk), (x, k)),
    "vmap": jax.vmap(gradients),
    "vmap of inputs": lambda x, k: jax.vmap(gradients, (0, None))(x, k[0]),
    "vmap of kernels": lambda x, k: jax.vmap(gradients, (None, 0))(x[0], k),
    "pmap": lambda x, k: jax.pmap(gradients, devices=jax.devices()[:2])(x, k),
}


@pytest.mark.parametrize("name", MAPS)
def test_maps_like_any_function(name):
    draw = np.random.default_rng(1).normal
    x, k = draw(size=(2, 3, 7, 6, 2)), draw(size=(2, 3, 4, 2, 3))
    inputs = x[[0, 0]] if name == "vmap of kernels" else x
    kernels = k[[0, 0]] if name == "vmap of inputs" else k
    mapped = MAPS[name] if name == "pmap" else partial(evaluated, MAPS[name])
    with jax.enable_x64(True):
        each = [
            evaluated(gradients, *pair) for pair in zip(inputs, kernels, strict=True)
        ]
        assert_close(mapped(x, k), jax.tree.map(lambda *g: np.stack(g), *each), 1e-10)


@pytest.mark.parametrize("check", [True, False])
def test_devices_of_a_shard_map_share_a_kernel(check):
    def penalty(k, x):
        return jnp.mean(jnp.square(gradients(x, k)[0]))

    def shard(k, x):
        gradient = jax.grad(lambda k: lax.pmean(penalty(k, x), "devices"))(k)
        return lax.pmean(gradient, "devices")

    mesh = Mesh(np.array(jax.devices()[:2]), ("devices",))
    specs = PartitionSpec(), PartitionSpec("devices")
    how = {"in_specs": specs, "out_specs": specs[0], "check_vma": check}
    with jax.enable_x64(True):
        x, k = operands((4, 4), (6, 5), (2, 3), 4)
        actual = evaluated(jax.shard_map(shard, mesh=mesh, **how), k, x)
        assert_close(actual, evaluated(jax.grad(penalty), k, x), 1e-10)


@pytest.mark.parametrize("strides", [(1, 1), (2, 2)])
def test_parts_of_a_batch_add_up(strides, monkeypatch):
    with jax.enable_x64(True):
        x, k = operands((3, 4), (7, 6), (3, 2), 6)
        whole = evaluated(lambda x, k: gradients(x, k, strides), x, k)
        monkeypatch.setattr(convolution, "_LEAST_VALUES", 1)
        monkeypatch.setattr(convolution, "_LEAST_POSITIONS", 1)
        in_parts = jax.jit(lambda x, k: gradients(x, k, strides))
        # Two T and two W, each a loop over the images.
        assert in_parts.lower(x, k).as_text().count("stablehlo.while") == 4
        assert_close(evaluated(in_parts, x, k), whole, 1e-10)


def orders(down, up):
    """The dimension orders of all convolutions, as written and as compiled, of a scan.

    Over steps of a small DCGAN with a gradient penalty. Its first map is smaller than
    the kernel, for which XLA changes the order.
    """

    def score(kernels, images):
        return jnp.sum(down(jax.nn.relu(down(images, kernels[0])), kernels[1]))

    def loss(kernels, latents):
        images = up(latents, kernels[1], size=(4, 4))
        images = up(jax.nn.relu(images), kernels[0], size=(8, 8))
        penalty = jnp.sum(jax.grad(score, 1)(kernels, images) ** 2)
        return score(kernels, images) + penalty

    def step(kernels, latents):
        gradients = jax.grad(loss)(kernels, latents)
        return jax.tree.map(lambda k, g: k - 0.1 * g, kernels, gradients), None

    kernels, latents = (
        (jnp.ones((4, 4, 3, 8)), jnp.ones((4, 4, 8, 16))),
        (5, 6, 2, 2, 16),
    )
    run = jax.jit(lambda k, z: lax.scan(step, k, z)[0])
    lowered = run.lower(kernels, jnp.ones(latents))
    written, compiled = lowered.as_text(), lowered.compile().as_text()
    return (
        re.findall(r"stablehlo.convolution.* dim_numbers = (.*?), window", written),
        re.findall(r" convolution\(.* dim_labels=([^, ]*)", compiled),
    )


def test_every_convolution_of_a_scan_is_canonical():
    written, compiled = orders(
        partial(convolve, strides=(2, 2)), partial(convolve_transpose, strides=(2, 2))
    )
    assert set(written) == {"[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]"}
    assert set(compiled) == {"b01f_01io->b01f"}
    # 10 of them without the penalty.
    assert len(compiled) > 10


def test_lax_in_a_scan_is_not():
    transpose = partial(
        lax.conv_transpose, dimension_numbers=LAYOUT, transpose_kernel=True
    )
    written, compiled = orders(
        lambda x, k: reference(x, k, (2, 2), "SAME"),
        lambda y, k, size: transpose(y, k, (2, 2), "SAME"),
    )
    assert set(written) > {"[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]"}
    assert set(compiled) > {"b01f_01io->b01f"}


@pytest.mark.parametrize(("platform", "count"), [("cpu", 0), ("cuda", 2)])
def test_other_backends_get_the_order_of_lax(platform, count):
    x, k = map(np.float32, operands((3, 4), (7, 6), (2, 3), 2))
    lowered = jax.jit(gradients).trace(x, k).lower(lowering_platforms=(platform,))
    assert lowered.as_text().count("[f, 0, 1, b]x[i, 0, 1, o]->[0, 1, b, f]") == count


@pytest.mark.parametrize("window", [(1, 2), (3, 4), (5, 5)])
@pytest.mark.parametrize("strides", [(1, 2), (3, 2)])
def test_sizes_of_lax_conv_transpose(window, strides):
    y, k = operands(window, (3, 4), (5, 2), 2)
    transpose = partial(
        lax.conv_transpose, dimension_numbers=LAYOUT, transpose_kernel=True
    )
    for padding, per_window in (("SAME", 0), ("VALID", 1)):
        axes = zip((3, 4), strides, window, strict=True)
        size = [n * s + per_window * max(k - s, 0) for n, s, k in axes]
        actual = convolve_transpose(
            y, k.mT, size=size, strides=strides, padding=padding
        )
        assert_close(actual, transpose(y, k.mT, strides, padding), 1e-5)


def test_layers_equal_those_of_flax():
    x = jax.random.normal(jax.random.key(0), (2, 5, 6, 3))
    how = {"features": 4, "kernel_size": (4, 3), "strides": (2, 1)}
    pairs = [
        (Convolution(**how), nn.Conv(**how), 1),
        # flax convolves the spread inputs by the kernel as it is, not turned around.
        (TransposedConvolution(size=(10, 6), **how), nn.ConvTranspose(**how), -1),
    ]
    for ours, flax, turn in pairs:
        params = ours.init(jax.random.key(1), x)["params"]
        assert_close(params, flax.init(jax.random.key(1), x)["params"], 0)
        params["bias"] = jnp.arange(4.0)
        actual = ours.apply({"params": params}, x)
        turned = params | {"kernel": params["kernel"][::turn, ::turn]}
        assert_close(actual, flax.apply({"params": turned}, x), 1e-5)


@pytest.mark.parametrize("layer", [Convolution, TransposedConvolution])
def test_layers_without_bias_and_in_double_precision(layer):
    size = {} if layer is Convolution else {"size": (5, 6)}
    module = layer(4, (3, 3), **size, padding=((1, 1), (1, 1)), use_bias=False)
    with jax.enable_x64(True):
        x = jnp.ones((2, 5, 6, 3))
        outputs, variables = module.init_with_output(jax.random.key(0), x)
    assert (outputs.shape, outputs.dtype) == ((2, 5, 6, 4), jnp.float64)
    kinds = jax.tree.map(lambda a: (a.shape, str(a.dtype)), variables)
    assert kinds == {"params": {"kernel": ((3, 3, 3, 4), "float32")}}


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (partial(convolve, padding="VALID"), r"kernel \(4, 4\) exceeds size=\(3, 5\)"),
        (
            partial(convolve_transpose, size=(4, 5)),
            r"needs inputs of \(4, 5\), not \(3",
        ),
    ],
)
def test_sizes_that_do_not_fit(function, words):
    with pytest.raises(ValueError, match=words):
        function(jnp.ones((1, 3, 5, 1)), jnp.ones((4, 4, 1, 1)))


def test_forward_mode_is_refused():
    operands = jnp.ones((1, 3, 3, 1)), jnp.ones((2, 2, 1, 1))
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(convolve, operands, operands)


def test_weights_are_summed_over_the_windows_of_fewer_channels():
    x, k = map(np.float32, operands((3, 3), (6, 6), (8, 2), 2))
    weights = jax.jit(jax.grad(lambda k: jnp.sum(jnp.sin(convolve(x, k)))))
    assert "-> tensor<2x3x3x8xf32>" in weights.lower(k).as_text()

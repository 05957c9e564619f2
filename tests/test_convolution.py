"""The fast convolutions against lax's, in value and in first and second derivatives."""

import itertools
import random
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import Mesh, PartitionSpec

from ganjax.networks import convolution
from ganjax.networks.convolution import (
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


def reference(x, k, strides, padding, dilation):
    return lax.conv_general_dilated(
        x, k, strides, padding, rhs_dilation=dilation, dimension_numbers=LAYOUT
    )


def fits(window, strides, padding, dilation, size, channels, batch):
    extents = [d * (k - 1) + 1 for d, k in zip(dilation, window, strict=True)]
    pads = [0, 0] if isinstance(padding, str) else [sum(pair) for pair in padding]
    return padding == "SAME" or all(
        e <= n + p for e, n, p in zip(extents, size, pads, strict=True)
    )


def pairwise():
    """Cases such that any two values of two axes meet in one, where they can."""
    generator, met, cases = random.Random(0), set(), []

    def pairs(case):
        return set(itertools.combinations(enumerate(case), 2)) - met

    while True:
        drawn = [[*map(generator.choice, AXES.values())] for _ in range(400)]
        best = max((case for case in drawn if fits(*case)), key=lambda c: len(pairs(c)))
        if not pairs(best):
            return cases
        met |= pairs(best)
        cases.append(best)


def operands(window, size, channels, batch):
    draw = np.random.default_rng(0).normal
    return draw(size=(batch, *size, channels[0])), draw(size=(*window, *channels))


def twice(function):
    """Value, derivatives, and the derivatives of those, all along curved directions."""

    def once(x, k):
        value, pull = jax.vjp(function, x, k)
        return value, pull(jnp.sin(value))

    def again(x, k):
        values, pull = jax.vjp(once, x, k)
        return values, pull(jax.tree.map(jnp.cos, values))

    return again


def evaluated(function, *arguments):
    # Unoptimised code compiles three times as fast.
    options = {"xla_backend_optimization_level": 0}
    return jax.jit(function).lower(*arguments).compile(options)(*arguments)


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
        values = twice(partial(reference, **how))(x, k)
        return values, twice(transposed)(values[0][0], k)

    def actual(x, k):
        values = twice(partial(convolve, **how))(x, k)
        back = partial(convolve_transpose, size=size, **how)
        return values, twice(back)(values[0][0], k)

    def elsewhere(x, k):
        at, _ = convolution._fit(size, window, **how)
        y = convolve(x, k, **how)
        turned = convolution._lax_transpose(at, jnp.sin(y), k)
        return turned, convolution._lax_weights(at, x, jnp.sin(y))

    with jax.enable_x64(True):
        known = evaluated(expected, x, k)
        assert_close(evaluated(actual, x, k), known, 1e-10)
        assert_close(evaluated(elsewhere, x, k), known[0][0][1], 1e-10)
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


def stack(x, k, strides=(2, 2)):
    y = jnp.tanh(convolve(x, k, strides=strides))
    return convolve_transpose(y, k, size=x.shape[1:3], strides=strides)


MAPS = {
    "scan": lambda f, x, k: lax.scan(lambda _, xk: (None, f(*xk)), None, (x, k))[1],
    "vmap": lambda f, x, k: jax.vmap(f)(x, k),
    "vmap of inputs": lambda f, x, k: jax.vmap(f, (0, None))(x, k[0]),
    "vmap of kernels": lambda f, x, k: jax.vmap(f, (None, 0))(x[0], k),
    "pmap": lambda f, x, k: jax.pmap(f, devices=jax.devices()[:2])(x, k),
}


@pytest.mark.parametrize("name", MAPS)
def test_maps_like_any_function(name):
    with jax.enable_x64(True):
        pairs = [operands((3, 4), (7, 6), (2, 3), batch) for batch in (2, 2)]
        x, k = (np.stack(both) * [[[[[1]]]], [[[[2]]]]] for both in zip(*pairs))
        inputs = [x[0]] * 2 if name == "vmap of kernels" else x
        kernels = [k[0]] * 2 if name == "vmap of inputs" else k
        single = jax.jit(twice(stack))
        each = [single(*pair) for pair in zip(inputs, kernels, strict=True)]
        expected = jax.tree.map(lambda *leaves: np.stack(leaves), *each)
        assert_close(MAPS[name](twice(stack), x, k), expected, 1e-10)


@pytest.mark.parametrize("check", [True, False])
def test_devices_share_a_kernel(check):
    mesh = Mesh(np.array(jax.devices()[:2]), ("devices",))
    spread, everywhere = PartitionSpec("devices"), PartitionSpec()

    def penalty(x, k):
        gradient = jax.grad(lambda x: jnp.sum(jnp.sin(stack(x, k))))(x)
        return jnp.mean(jnp.square(gradient))

    def shard(x, k):
        loss = lambda k: lax.pmean(penalty(x, k), "devices")  # noqa: E731
        return lax.pmean(jax.grad(loss)(k), "devices")

    with jax.enable_x64(True):
        x, k = operands((4, 4), (6, 5), (2, 3), 4)
        sharded = jax.jit(
            jax.shard_map(
                shard,
                mesh=mesh,
                in_specs=(spread, everywhere),
                out_specs=everywhere,
                check_vma=check,
            )
        )
        expected = jax.jit(jax.grad(penalty, 1))(x, k)
        assert_close(sharded(x, k), expected, 1e-10)


@pytest.mark.parametrize("strides", [(1, 1), (2, 2)])
def test_parts_of_a_batch_add_up(strides, monkeypatch):
    function = twice(partial(stack, strides=strides))
    with jax.enable_x64(True):
        x, k = operands((3, 4), (7, 6), (3, 2), 6)
        whole = evaluated(function, x, k)
        monkeypatch.setattr(convolution, "_LEAST_VALUES", 1)
        monkeypatch.setattr(convolution, "_LEAST_POSITIONS", 1)
        in_parts = twice(partial(stack, strides=strides))
        assert "scan[" in str(jax.make_jaxpr(in_parts)(x, k))
        assert_close(evaluated(in_parts, x, k), whole, 1e-10)


def training(down, up):
    """A scan over steps of a small DCGAN with a gradient penalty, and its arguments."""

    def score(kernels, images):
        hidden = jax.nn.leaky_relu(down(images, kernels[0]))
        return jnp.sum(down(hidden, kernels[1]))

    def loss(kernels, latents):
        images = up(jax.nn.relu(up(latents, kernels[1], (4, 4))), kernels[0], (8, 8))
        penalty = jnp.sum(jax.grad(score, 1)(kernels, images) ** 2)
        return score(kernels, images) + penalty

    def step(kernels, latents):
        gradients = jax.grad(loss)(kernels, latents)
        return jax.tree.map(lambda k, g: k - 0.1 * g, kernels, gradients), None

    kernels = (jnp.ones((4, 4, 3, 8)), jnp.ones((4, 4, 8, 16)))
    return lambda k, z: lax.scan(step, k, z)[0], kernels, jnp.ones((5, 6, 2, 2, 16))


def orders(down, up):
    """The dimension orders of all convolutions, as written and as compiled."""
    run, *arguments = training(down, up)
    lowered = jax.jit(run).lower(*arguments)
    written = re.findall(
        r"stablehlo.convolution.* dim_numbers = (.*?), window", lowered.as_text()
    )
    compiled = re.findall(
        r" convolution\(.*dim_labels=([^, ]*)", lowered.compile().as_text()
    )
    return written, compiled


def test_every_convolution_of_a_scan_is_canonical():
    written, compiled = orders(
        partial(convolve, strides=(2, 2)),
        lambda y, k, size: convolve_transpose(y, k, size=size, strides=(2, 2)),
    )
    assert set(written) == {"[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]"}
    assert set(compiled) == {"b01f_01io->b01f"}
    # 4 forward; their 3 derivatives by kernels and 4 by inputs; 2 for the penalty.
    assert len(compiled) >= 13


def test_lax_in_a_scan_is_not_canonical():
    written, compiled = orders(
        lambda x, k: reference(x, k, (2, 2), "SAME", (1, 1)),
        lambda y, k, _: lax.conv_transpose(
            y, k, (2, 2), "SAME", dimension_numbers=LAYOUT, transpose_kernel=True
        ),
    )
    assert set(written) > {"[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]"}
    assert set(compiled) > {"b01f_01io->b01f"}

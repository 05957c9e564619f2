"""Convolutions that are none of ours are put into the order that is fast in loops."""

import re
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiling import AS_USED
from flax_networks import EXAMPLES, build
from jax import lax
from numpy.testing import assert_allclose
from toys import ALTERNATING, numbers

from ganjax.data.images import resident
from ganjax.networks.convolution import convolve
from ganjax.networks.reorder import reorder
from ganjax.parallel import jit_layout, pmap_layout, shard_map_layout
from ganjax.state import init_state
from ganjax.step import make_train_step

STEPS = 4
LAYOUTS = {
    "jit": lambda: jit_layout(jax.devices()[0]),
    "pmap": lambda: pmap_layout(jax.devices()[:2]),
    "shard_map": lambda: shard_map_layout(jax.devices()[:2]),
}
SOURCE = resident(
    np.random.default_rng(0).integers(0, 256, (20, *EXAMPLES.shape), np.uint8),
    np.arange(20) % EXAMPLES.classes,
    classes=EXAMPLES.classes,
)
NUMBERS = numbers("hinge", "r1")
SLOW = "in an order that is slow in loops on a CPU"
close = partial(assert_allclose, rtol=1e-4, atol=1e-5)


def make_step(axis_name=None):
    keywords = {"batch_size": 4, "axis_name": axis_name}
    return make_train_step(build(), SOURCE.batch, ALTERNATING, **keywords)


@cache
def start():
    return jax.device_get(init_state(build()(NUMBERS, 0), 0))


@cache
def plain():
    """The state after all steps, each by itself and in the order that lax gave it."""
    state, step = start(), jax.jit(make_step())
    for _ in range(STEPS):
        state, _ = step(state, NUMBERS, SOURCE.arrays)
    return jax.device_get(state)


def placed(name):
    """The compiled layout, its fetch, and the arguments that it starts with."""
    layout = LAYOUTS[name]()
    advance = layout.compile(make_step(layout.axis_name))
    data = layout.place_data(SOURCE.arrays)
    return advance, layout.fetch, (layout.place(start()), NUMBERS, data)


def test_a_network_of_plain_flax_trains_in_the_fast_order(capfd):
    advance, fetch, arguments = placed("jit")
    program = advance.lower(*arguments, STEPS).compile(AS_USED)
    (line,) = [x for x in capfd.readouterr().err.splitlines() if SLOW in x]
    assert re.match(r"ganjax: \d+ convolutions in ", line)
    orders = re.findall(r" convolution\(.* dim_labels=([^, ]*)", program.as_text())
    assert len(orders) > 10
    assert set(orders) == {"b01f_01io->b01f"}
    # Dispatched at once or singly, in this order or in that: but for rounding the same.
    state, _ = program(*arguments)
    jax.tree.map(close, fetch(state).params, plain().params)


@pytest.mark.parametrize("name", ["pmap", "shard_map"])
def test_several_devices_reorder_alike(name, capfd):
    advance, fetch, arguments = placed(name)
    state, _ = advance(*arguments, STEPS)
    assert SLOW in capfd.readouterr().err
    jax.tree.map(close, fetch(state).params, plain().params)


def test_other_back_ends_get_the_order_that_was_traced():
    def orders(program, *arguments):
        lowered = program.trace(*arguments).lower(lowering_platforms=("cuda",))
        return re.findall(r"dim_numbers = (.*?), window", lowered.as_text())

    advance, _, arguments = placed("jit")
    found = orders(advance, *jax.device_get(arguments), STEPS)
    wanted = orders(jax.jit(make_step()), start(), NUMBERS, SOURCE.arrays)
    assert sorted(found) == sorted(wanted)
    assert len(set(found)) > 1


def test_what_is_in_the_fast_order_stays_as_it_is(capfd):
    def slope(kernel, images):
        return jax.grad(lambda k: jnp.sum(jnp.sin(convolve(images, k))))(kernel)

    arrays = jnp.ones((3, 3, 1, 2)), jnp.ones((2, 5, 5, 1))
    before, after = (
        jax.jit(f).lower(*arrays).as_text() for f in (slope, reorder(slope, says=True))
    )
    assert after.replace("reordered", "slope") == before
    assert SLOW not in capfd.readouterr().err


def test_programs_within_programs_are_reordered(capfd):
    transposed = ("CHWN", "IHWO", "HWNC")  # as of the gradient of a kernel

    @jax.custom_jvp
    def slow(x, k):
        return lax.conv_general_dilated(x, k, (1, 1), "SAME", None, None, transposed)

    slow.defjvps(None, None)

    def function(x, k):
        def body(index, y):
            z = jax.jit(slow)(x, k).transpose(3, 0, 1, 2)
            return y + lax.cond(
                index > 1, lambda: slow(x, k), lambda: z.transpose(1, 2, 3, 0)
            )

        return lax.fori_loop(0, 3, body, jnp.zeros((5, 4, 3, 2)))

    draw = np.random.default_rng(0).normal
    arrays = draw(size=(3, 5, 4, 3)), draw(size=(3, 3, 2, 2))
    with jax.enable_x64(True):
        expected, found = function(*arrays), jax.jit(reorder(function, says=True))
        assert_allclose(found(*arrays), expected, rtol=1e-12)
        assert "ganjax: 2 convolutions" in capfd.readouterr().err
        written = re.findall(
            r"dim_numbers = (.*?), window", found.lower(*arrays).as_text()
        )
    assert set(written) == {"[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]"}


@pytest.mark.parametrize(
    ("order", "inputs", "kernel", "how"),
    [
        (("NCH", "OIH", "NCH"), (2, 3, 7), (4, 3, 3), {}),
        (("NCHWD", "OIHWD", "NHWDC"), (2, 3, 5, 4, 3), (4, 3, 2, 2, 2), {}),
        (
            ("HWNC", "OHWI", "CNHW"),
            (7, 6, 2, 3),
            (4, 3, 2, 3),
            {"rhs_dilation": (2, 1)},
        ),
        (
            ("NCHW", "OIHW", "NCHW"),
            (2, 4, 6, 6),
            (4, 2, 3, 3),
            {"feature_group_count": 2},
        ),
        (
            ("NCHW", "OIHW", "NCHW"),
            (4, 2, 6, 6),
            (4, 2, 3, 3),
            {"batch_group_count": 2},
        ),
        # A kernel larger than the image.
        (
            ("NCHW", "OIHW", "NCHW"),
            (2, 3, 2, 3),
            (4, 3, 5, 5),
            {"lhs_dilation": (2, 1)},
        ),
    ],
)
def test_every_order_equals_that_of_lax(order, inputs, kernel, how):
    rng = np.random.default_rng(0)
    strides = (2,) + (1,) * (len(inputs) - 3)
    pads = [(2, 1)] * len(strides)

    def function(x, k):
        return lax.conv_general_dilated(
            x, k, strides, pads, dimension_numbers=order, **how
        )

    with jax.enable_x64(True):
        x, k = rng.normal(size=inputs), rng.normal(size=kernel)
        written = jax.make_jaxpr(reorder(function, says=False))(x, k)
        assert str(written) != str(jax.make_jaxpr(function)(x, k))
        assert_allclose(
            jax.jit(reorder(function, says=True))(x, k), function(x, k), rtol=1e-12
        )

"""One device, several under pmap, several under shard_map: the same run."""

from functools import cache

import jax
import numpy as np
import pytest
from conformance import OF_SCORES
from tables import NETWORKS, PENALTIES
from toys import ALTERNATING, LAZY, SIMULTANEOUS, SOURCE, make_build, numbers

from ganjax.data.images import resident
from ganjax.parallel import jit_layout, pmap_layout, shard_map_layout
from ganjax.state import init_state
from ganjax.step import make_train_step
from ganjax.types import Examples

STEPS = 5
CASES = [(name, None) for name in OF_SCORES] + [
    ("wasserstein", name) for name in [*PENALTIES, LAZY]
]
LAYOUTS = {
    "jit": lambda: jit_layout(jax.devices()[0]),
    "pmap 2": lambda: pmap_layout(jax.devices()[:2]),
    "pmap 8": lambda: pmap_layout(jax.devices()[:8]),
    "shard_map 2": lambda: shard_map_layout(jax.devices()[:2]),
    "shard_map 8": lambda: shard_map_layout(jax.devices()[:8]),
}


def as_float(dtype, tree):
    def cast(leaf):
        leaf = np.asarray(leaf)
        return leaf.astype(dtype) if leaf.dtype.kind == "f" else leaf

    return jax.tree.map(cast, tree)


def start_of(build):
    """In float64, and as one program: else each operation would be compiled alone."""
    return as_float("float64", jax.jit(lambda: init_state(build(numbers(), 0), 3))())


@cache
def toy_start():
    return start_of(make_build())


@cache
def compiled(layout_name, rounds, frozen=()):
    layout = LAYOUTS[layout_name]()
    few = {"objective_names": ("minimax",), "penalty_names": ()} if frozen else {}
    step = make_train_step(
        make_build(axis_name=layout.axis_name, **few),
        SOURCE.batch,
        rounds,
        batch_size=16,
        frozen=frozen,
        axis_name=layout.axis_name,
    )
    return layout, layout.compile(step)


@cache
def run(layout_name, rounds, objective, penalty, frozen=()):
    layout, advance = compiled(layout_name, rounds, frozen)
    chosen = as_float("float64", numbers(objective, penalty))
    start = toy_start()
    data = layout.place_data(as_float("float64", SOURCE.arrays))
    state, metrics = advance(layout.place(start), chosen, data, STEPS)
    return start, layout.fetch(state), jax.device_get(metrics)


def check_equal(one, other, tolerance):
    flat, _ = jax.tree.flatten_with_path(one)
    for (path, expected), actual in zip(flat, jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(
            actual, expected, rtol=tolerance, atol=tolerance, err_msg=str(path)
        )


# Each program holds all objectives and penalties; convolutions have all layouts.
@pytest.mark.parametrize(("objective", "penalty"), CASES)
@pytest.mark.parametrize("layout", ["pmap 2", "shard_map 8"])
def test_layouts_agree_in_float64(layout, objective, penalty):
    # Rounding cannot hide a wrong factor in float64, nor Adam one under SGD.
    with jax.enable_x64(True):
        start, one, metrics = run("jit", ALTERNATING, objective, penalty)
        _, other, others = run(layout, ALTERNATING, objective, penalty)
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), start.params, one.params)
    kernels = [x for x in jax.tree.leaves(start.params) if x.ndim == 2]
    assert sum(x > 1e-4 for x in jax.tree.leaves(moved)) >= len(kernels)
    check_equal((one, metrics), (other, others), 1e-11)


@pytest.mark.parametrize("rounds", [ALTERNATING, SIMULTANEOUS])
def test_layouts_agree_on_a_frozen_player(rounds):
    with jax.enable_x64(True):
        chosen = rounds, "minimax", None, ("generator",)
        start, one, metrics = run("jit", *chosen)
        _, other, others = run("pmap 2", *chosen)
    for field in ("params", "mutable", "optimizer", "average"):
        before, after = (getattr(x, field).get("generator") for x in (start, other))
        jax.tree.map(np.testing.assert_array_equal, after, before)
    assert (others["generator/gradient_norm"] > 1e-3).all()
    check_equal((one, metrics), (other, others), 1e-11)


IMAGES = resident(
    np.random.default_rng(0).integers(0, 256, (30, 6, 5, 1), np.uint8),
    np.arange(30) % 3,
    classes=3,
)


def draw_in_float64(*arguments):
    batch = IMAGES.batch(*arguments)
    return batch._replace(real=batch.real.astype("float64"))


def make_convolutional_build(axis_name, normalization, conditional):
    examples = Examples((6, 5, 1), IMAGES.classes)
    networks = {
        "generator": NETWORKS["dcgan"]["generator"](
            examples,
            axis_name=axis_name,
            channels=(6, 4),
            normalization="batch",
            conditioning="embedding" if conditional else "none",
        ),
        "discriminator": NETWORKS["dcgan"]["discriminator"](
            examples,
            axis_name=axis_name,
            channels=(4, 6),
            slope=0.2,
            normalization=normalization,
            conditioning="projection" if conditional else "none",
            head="score",
        ),
    }
    return make_build(
        objective_names=("hinge",),
        penalty_names=("r1",),
        networks=networks,
        examples=examples,
    )


# The projection of a class is normalised too where the rest is.
@pytest.mark.parametrize(
    ("layout", "normalization", "conditional"),
    [
        ("pmap 2", "batch", False),
        ("pmap 8", "batch", True),
        ("shard_map 2", "spectral", True),
        ("shard_map 8", "spectral", False),
    ],
)
def test_layouts_agree_for_convolutions(layout, normalization, conditional):
    chosen = as_float("float64", numbers("hinge", "r1"))

    def run(layout_name):
        layout = LAYOUTS[layout_name]()
        step = make_train_step(
            make_convolutional_build(layout.axis_name, normalization, conditional),
            draw_in_float64,
            SIMULTANEOUS,
            batch_size=8,
            axis_name=layout.axis_name,
        )
        data = layout.place_data(IMAGES.arrays)
        state, metrics = layout.compile(step)(layout.place(start), chosen, data, STEPS)
        return layout.fetch(state), jax.device_get(metrics)

    with jax.enable_x64(True):
        build = make_convolutional_build(None, normalization, conditional)
        start = start_of(build)
        check_equal(run("jit"), run(layout), 1e-11)

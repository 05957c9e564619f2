"""One device, several under pmap, several under shard_map: the same run."""

from functools import cache

import jax
import numpy as np
import pytest
from toys import ALTERNATING, LAZY, SOURCE, make_build, numbers

from ganjax.objectives import OBJECTIVES
from ganjax.parallel import jit_layout, pmap_layout, shard_map_layout
from ganjax.penalties import PENALTIES
from ganjax.state import init_state
from ganjax.step import make_train_step

STEPS = 5
CASES = [(name, None) for name in OBJECTIVES] + [
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


@cache
def compiled(layout_name, schedule):
    layout = LAYOUTS[layout_name]()
    step = make_train_step(
        make_build(axis_name=layout.axis_name),
        SOURCE.batch,
        schedule,
        batch_size=16,
        axis_name=layout.axis_name,
    )
    return layout, layout.compile(step)


@cache
def run(layout_name, schedule, dtype, objective, penalty):
    layout, advance = compiled(layout_name, schedule)
    chosen = as_float(dtype, numbers(objective, penalty))
    start = as_float(dtype, init_state(make_build()(chosen, 0), 3))
    data = layout.place_data(as_float(dtype, SOURCE.arrays))
    state, metrics = advance(layout.place(start), chosen, data, STEPS)
    return start, layout.fetch(state), jax.device_get(metrics)


def check_equal(one, other, tolerance):
    flat, _ = jax.tree.flatten_with_path(one)
    for (path, expected), actual in zip(flat, jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(
            actual, expected, rtol=tolerance, atol=tolerance, err_msg=str(path)
        )


@pytest.mark.parametrize(("objective", "penalty"), CASES)
@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "jit"])
def test_layouts_agree_in_float64(layout, objective, penalty):
    # Rounding cannot hide a wrong factor in float64, nor Adam one under SGD.
    with jax.enable_x64(True):
        start, one, metrics = run("jit", ALTERNATING, "float64", objective, penalty)
        _, other, others = run(layout, ALTERNATING, "float64", objective, penalty)
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), start.params, one.params)
    kernels = [x for x in jax.tree.leaves(start.params) if x.ndim == 2]
    assert sum(x > 1e-4 for x in jax.tree.leaves(moved)) >= len(kernels)
    check_equal((one, metrics), (other, others), 1e-11)

"""Corrections of gradient fields that are known, and the same on several devices."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.testing import assert_allclose
from test_parallel import LAYOUTS, as_float, check_equal, start_of
from toys import SIMULTANEOUS, SOURCE, make_build, numbers

from ganjax.augment import instance_noise
from ganjax.corrections import consensus
from ganjax.step import make_train_step

# v = (psi, theta) -> (3 theta - 1, theta^2 - psi), not a gradient of anything.
PARAMS = {"discriminator": {"psi": jnp.array(2.0)}, "generator": [jnp.array(3.0)]}


def field(params):
    psi, (theta,) = params["discriminator"]["psi"], params["generator"]
    return {
        "discriminator": {"psi": 3 * theta - 1},
        "generator": [jnp.square(theta) - psi],
    }


def test_consensus_is_the_slope_of_half_the_squared_field():
    # At (2, 3) v = (8, 7). The slopes of v_1 are (0, 3), of v_2 (-1, 2 theta = 6), so
    # w J^T v = w (-7, 3 * 8 + 6 * 7 = 66), with w = 0.5.
    corrected = consensus(field, PARAMS, weight=0.5)
    assert corrected == {"discriminator": {"psi": -3.5}, "generator": [33.0]}


def test_consensus_of_a_linear_field():
    matrix = np.random.default_rng(0).normal(size=(5, 5))
    point = np.random.default_rng(1).normal(size=5)

    def linear(params):
        return {"a": (matrix @ jnp.concatenate([params["a"], params["b"]]))[:2]} | {
            "b": (matrix @ jnp.concatenate([params["a"], params["b"]]))[2:]
        }

    with jax.enable_x64(True):
        found = consensus(linear, {"a": point[:2], "b": point[2:]}, weight=0.3)
    expected = 0.3 * matrix.T @ matrix @ point
    assert_allclose(np.concatenate([found["a"], found["b"]]), expected, rtol=1e-12)


def test_weight_may_be_traced():
    corrected = jax.jit(lambda weight: consensus(field, PARAMS, weight=weight))(2.0)
    assert corrected["discriminator"]["psi"] == -14


def test_layouts_agree():
    """On consensus through batch norm and noise."""

    def run(name):
        layout = LAYOUTS[name]()
        build = make_build(
            axis_name=layout.axis_name,
            optimizer=optax.sgd,
            objective_names=("minimax",),
            penalty_names=(),
            corrections={"consensus": partial(consensus, weight=0.3)},
            view=partial(instance_noise, strength=0.2),
        )
        step = make_train_step(
            build, SOURCE.batch, SIMULTANEOUS, batch_size=8, axis_name=layout.axis_name
        )
        chosen = as_float("float64", numbers("minimax"))
        start = start_of(build)
        data = layout.place_data(as_float("float64", SOURCE.arrays))
        state, metrics = layout.compile(step)(layout.place(start), chosen, data, 3)
        return layout.fetch(state), jax.device_get(metrics)

    with jax.enable_x64(True):
        one = run("jit")
        assert one[1]["generator/consensus_norm"] > 1e-3
        for layout in ("pmap 2", "shard_map 2"):
            check_equal(one, run(layout), 1e-11)

"""A run that begins from the state of another."""

import jax
import numpy as np
import pytest

from ganjax.build import build_setup
from ganjax.checkpoint import Checkpoints
from ganjax.config import ConfigError, defaults
from ganjax.config.validation import validate
from ganjax.training.inherit import inherit


def tiny(width=4, optimizer="adam", seed=0):
    config = defaults(
        data="ring", network="mlp", objective="hinge", optimizer=optimizer
    )
    config.seed, config.batch_size = seed, 4
    config.networks.generator.widths = (width,)
    config.networks.discriminator.widths = (4,)
    return jax.device_get(build_setup(validate(config)).init())


@pytest.fixture(scope="module")
def trained():
    """A state of which no number is one of a fresh state's."""
    state = tiny(seed=1)
    return jax.tree.map(lambda x: (x + 5).astype(x.dtype), state)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, trained):
    folder = tmp_path_factory.mktemp("a@7") / "run@30"
    with Checkpoints(folder / "checkpoints", keep=3) as saved:
        for step in (20, 30):
            state = jax.tree.map(
                lambda x, step=step: (x + step).astype(x.dtype), trained
            )
            saved.save(step, state._replace(step=np.asarray(step, np.int32)))
    return folder


def same(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def plus(tree, step):
    return jax.tree.map(lambda x: (x + step).astype(x.dtype), tree)


@pytest.mark.parametrize(("suffix", "step"), [("", 30), ("@20", 20)])
def test_all_players_with_all_that_fits(folder, trained, suffix, step):
    fresh = tiny()
    state, record = inherit(f"{folder}{suffix}", "", fresh)
    for part in ("params", "mutable", "average", "optimizer"):
        same(getattr(state, part), plus(getattr(trained, part), step))
    assert (state.step, state.seed) == (0, 0)
    same(state.skipped, fresh.skipped)
    assert (record["folder"], record["step"]) == (str(folder), step)
    assert record["players"] == {
        "discriminator": ["params", "optimizer"],
        "generator": ["params", "average", "optimizer"],
    }


def test_one_player_alone(folder, trained):
    fresh = tiny()
    state, record = inherit(str(folder), "generator", fresh)
    same(state.params["generator"], plus(trained.params["generator"], 30))
    same(state.params["discriminator"], fresh.params["discriminator"])
    same(state.optimizer["discriminator"], fresh.optimizer["discriminator"])
    assert list(record["players"]) == ["generator"]


def test_another_optimizer_begins_anew(folder, trained):
    fresh = tiny(optimizer="rmsprop")
    state, record = inherit(str(folder), "", fresh)
    same(state.params, plus(trained.params, 30))
    same(state.optimizer, fresh.optimizer)
    assert record["players"]["generator"] == ["params", "average"]


def test_an_average_that_was_not_taken_begins_at_the_parameters(folder, trained):
    fresh = tiny()
    fresh = fresh._replace(average=fresh.params)
    state, _ = inherit(str(folder), "", fresh)
    same(state.average["generator"], plus(trained.average["generator"], 30))
    same(state.average["discriminator"], state.params["discriminator"])


def test_another_shape_is_named_with_both(folder):
    with pytest.raises(ConfigError) as caught:
        inherit(str(folder), "", tiny(width=6))
    words = str(caught.value)
    assert words.startswith(f"config.init_from: {folder}@30: generator['")
    assert words.endswith("'] is float32[4, 2] there and float32[6, 2] here")
    assert "\n" not in words


@pytest.mark.parametrize(
    ("suffix", "players", "words"),
    [
        ("@7", "", "lacks step 7; there are 20, 30"),
        ("/nothing", "", "nothing has no checkpoints"),
        ("", "encoder", "has no encoder; players of both are discriminator, generator"),
    ],
)
def test_state_that_there_is_not(folder, suffix, players, words):
    with pytest.raises(ConfigError, match=words):
        inherit(f"{folder}{suffix}", players, tiny())

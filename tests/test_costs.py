"""What a run does only once: counted, not timed."""

from contextlib import contextmanager

import jax
import pytest
from jax import monitoring

import ganjax
from ganjax.build import Setup, build_setup
from ganjax.config import defaults, schedule
from ganjax.config.validation import validate


@pytest.fixture
def config():
    config = defaults(data="ring", network="mlp", objective="hinge")
    config.update(steps=8, batch_size=6)
    for network in config.networks.values():
        network.widths = (5,)
    decay = schedule("cosine", 0.1)
    config.optimizers.generator.learning_rate_schedule = decay
    config.record.every = 2
    config.evaluation.samples = 40
    config.parallel.mode = "jit"
    return config


@contextmanager
def programs():
    """A list that has one more element for each program that JAX asks for."""
    asked = []

    def listen(name, seconds, **_):
        if name == "/jax/core/compile/backend_compile_duration":
            asked.append(seconds)

    monitoring.register_event_duration_secs_listener(listen)
    try:
        yield asked
    finally:
        monitoring.unregister_event_duration_listener(listen)


def test_a_step_is_traced_once_and_later_chunks_compile_nothing(
    config, tmp_path, monkeypatch
):
    traces, at_record = [], []
    make_step = Setup.make_step

    def make(setup, axis_name):
        step = make_step(setup, axis_name)

        def traced(*arguments):
            traces.append(axis_name)
            return step(*arguments)

        return traced

    monkeypatch.setattr(Setup, "make_step", make)
    with programs() as asked:
        ganjax.train(
            config,
            tmp_path / "run",
            on_record=lambda step, _: at_record.append(len(asked)),
        )
    assert traces == [None]
    # The first state, the steps, and the copy of what was skipped.
    assert at_record == [3] * 4


def test_building_a_run_compiles_nothing(config):
    validated = validate(config)
    with programs() as asked:
        setup = build_setup(validated)
        assert setup.parts.game.probes
        jax.eval_shape(setup.init)
        assert not asked
        setup.init()
        assert len(asked) == 1

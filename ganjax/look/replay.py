"""A run played again from its config, for what no file of its folder holds."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ganjax.build import Setup, build_setup
from ganjax.config.validation import revalidate
from ganjax.state import TrainState


def replay(config: Mapping[str, Any], every: int) -> tuple[Setup, TrainState]:
    """Takes a run's steps again, by the training step itself, on one device.

    Args:
      config: of the run, as its config.json has it.
      every: steps from one state to the next; it must divide the run's.

    Returns:
      The run set up, and its states as one whose arrays are `[steps / every + 1, ...]`:
      before the first step, and after each `every` more.

    Raises:
      ConfigError: the config is not valid, or its data is missing.
      ValueError: `every` does not divide the run's steps.
    """
    if config["steps"] % every:
        raise ValueError(f"every = {every} must divide {config['steps']} steps")
    setup = build_setup(revalidate(config))
    step, numbers = setup.make_step(None), setup.numbers
    arrays = setup.source.arrays

    def advance(state: TrainState, _: None) -> tuple[TrainState, TrainState]:
        state, _ = jax.lax.scan(
            lambda state, _: (step(state, numbers, arrays)[0], None),
            state,
            length=every,
        )
        return state, state

    def play(first: TrainState) -> TrainState:
        _, rest = jax.lax.scan(advance, first, length=config["steps"] // every)
        return jax.tree.map(lambda x, xs: jnp.concatenate([x[None], xs]), first, rest)

    return setup, jax.device_get(jax.jit(play)(setup.init()))

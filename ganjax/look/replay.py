"""A run played again from its config, for what no file of its folder holds."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from ganjax.build import Setup, build_setup
from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import Catalogue
from ganjax.config.validation import revalidate
from ganjax.parallel import jit_layout
from ganjax.state import TrainState


def replay(
    config: Mapping[str, Any], every: int, catalogue: Catalogue = BUILT_IN
) -> tuple[Setup, TrainState]:
    """Takes a run's steps again, on one device: the same bits as if trained on it.

    But for `every` = 1, where XLA sees no loop and rounds differently.

    Args:
      config: of the run, as its config.json has it.
      every: steps from one state to the next; it must divide the run's.
      catalogue: the parts that the config names.

    Returns:
      The run set up, and its states as one whose arrays are `[steps / every + 1, ...]`:
      before the first step, and after each `every` more.

    Raises:
      ConfigError: the config is not valid, or its data is missing.
      ValueError: `every` does not divide the run's steps, or the run began from
        another's state.
      ArithmeticError: the replay diverges, and non_finite is "stop".
    """
    if every < 1 or config["steps"] % every:
        raise ValueError(f"every = {every} must divide {config['steps']} steps")
    if config.get("init_from"):
        raise ValueError(f"a run that began from {config['init_from']} has no replay")
    setup = build_setup(revalidate(config, catalogue), catalogue)
    layout = jit_layout(jax.devices()[0])
    advance = layout.compile(setup.make_step(None))
    data = layout.place_data(setup.source.arrays)
    placed = layout.place(jax.device_get(setup.init()))
    states = [layout.fetch(placed)]
    for _ in range(config["steps"] // every):
        placed, _ = advance(placed, setup.numbers, data, every)
        states.append(layout.fetch(placed))
        if not setup.refuse and any(states[-1].skipped.values()):
            raise ArithmeticError(f"the replay is not finite by step {states[-1].step}")
    return setup, jax.tree.map(lambda *leaves: np.stack(leaves), *states)

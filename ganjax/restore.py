"""A run's newest state, from its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from ganjax.build import Experiment, build_experiment
from ganjax.checkpoint import CheckpointError, Checkpoints
from ganjax.config import ConfigDict
from ganjax.state import TrainState
from ganjax.validation import validate


def restore(
    config: Mapping[str, Any], folder: Path
) -> tuple[Experiment, int, TrainState]:
    """The experiment of a run, its last step that was saved, and the state then.

    Args:
      config: of the run, validated or as its config.json has it.
      folder: of the run.

    Raises:
      ConfigError: the config is not valid, or its data is missing.
      CheckpointError: nothing was saved, or by another run.
    """
    experiment = build_experiment(validate(ConfigDict(config)))
    with Checkpoints(folder / "checkpoints", keep=config["record"]["keep"]) as saved:
        restored = saved.restore(jax.eval_shape(experiment.init))
    if restored is None:
        raise CheckpointError("there is no checkpoint yet; train first")
    return experiment, *restored

"""A run's newest state, from its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ganjax.build import Setup, build_setup
from ganjax.checkpoint import Checkpoints
from ganjax.config import ConfigError
from ganjax.config.catalogue import Catalogue
from ganjax.config.program import stored_catalogue
from ganjax.config.validation import revalidate
from ganjax.state import TrainState
from ganjax.train.identity import check_data


def restore(
    config: Mapping[str, Any],
    folder: Path,
    made: Setup | None = None,
    catalogue: Catalogue | None = None,
) -> tuple[Setup, int, TrainState]:
    """The setup of a run, its last step that was saved, and the state then.

    Args:
      config: of the run, validated or as its config.json has it.
      folder: of the run.
      made: the setup, where it is built and its data checked already.
      catalogue: the parts that the config names; by default those that the folder has.

    Raises:
      ConfigError: the config is not valid, its data is missing or not what it was, or
        nothing was saved.
      CheckpointError: all that was saved is damaged, or another run's.
    """
    missing = ConfigError(f"{folder} has no checkpoint yet; train first")
    if not (folder / "checkpoints").is_dir():
        raise missing  # before reading makes one
    if made is None:
        if catalogue is None:
            catalogue = stored_catalogue(folder, config)
        config = revalidate(config, catalogue)
        setup = build_setup(config, catalogue)
        check_data(folder, setup.source)
    else:
        setup = made
    with Checkpoints(folder / "checkpoints", keep=config["record"]["keep"]) as saved:
        target = jax.eval_shape(setup.init)
        restored = saved.restore(target._replace(seed=np.uint32(setup.seed)))
    if restored is None:
        raise missing
    return setup, *restored

"""A run's state, from its folder."""

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
from ganjax.training.identity import check_data, describe_data


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
    check_saved(folder)
    if made is None:
        if catalogue is None:
            catalogue = stored_catalogue(folder, config)
        config = revalidate(config, catalogue)
        setup = build_setup(config, catalogue)
        check_data(folder, describe_data(setup.source))
    else:
        setup = made
    return setup, *read_state(setup, folder, keep=config["record"]["keep"])


def check_saved(folder: Path) -> None:
    """Checks that a run has a folder of checkpoints, before reading makes one.

    Raises:
      ConfigError: it has none.
    """
    if not (folder / "checkpoints").is_dir():
        raise _nothing_saved(folder)


def read_state(
    setup: Setup, folder: Path, *, keep: int, step: int | None = None
) -> tuple[int, TrainState]:
    """The last step of a run that was saved, or a certain one, and the state then.

    Args:
      setup: of the run.
      folder: of the run, which has been `check_saved`.
      keep: `record.keep` of its config.
      step: the last unless given.

    Raises:
      ConfigError: nothing was saved.
      CheckpointError: there is no such step; what was saved is damaged, or another
        run's.
    """
    with Checkpoints(folder / "checkpoints", keep=keep) as saved:
        target = jax.eval_shape(setup.init)
        restored = saved.restore(target._replace(seed=np.uint32(setup.seed)), step)
    if restored is None:
        raise _nothing_saved(folder)
    return restored


def _nothing_saved(folder: Path) -> ConfigError:
    return ConfigError(f"{folder} has no checkpoint yet; train first")

"""The config of a run, from its folder. No jax."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from ganjax.completion import completed
from ganjax.config import ConfigError, override
from ganjax.record import read_json
from ganjax.validation import validate


def read_config(folder: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The validated config of the run in `folder`, with overrides "KEY=VALUE".

    Raises:
      ConfigError: no run lies there, its config is not valid here, or an override
        cannot be applied.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise ConfigError(f"--workdir: {folder} is not a run folder; train first")
    try:
        given = read_json(path)
        config = ConfigDict(completed(given))
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"--workdir: {path} is damaged: {error}") from error
    override(config, overrides, str(path))
    try:
        return validate(config)
    except ConfigError as error:
        raise ConfigError(f"--workdir: {path}: {error}") from error

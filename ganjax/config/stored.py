"""The config of a run, from its folder. No jax."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from ganjax.config import ConfigError, override
from ganjax.config.completion import completed
from ganjax.config.validation import validate
from ganjax.record import reading
from ganjax.record.reading import RunError


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
        config = ConfigDict(completed(reading.read_config(folder)))
    except RunError as error:
        raise ConfigError(f"--workdir: {error}") from error
    override(config, overrides, str(path))
    try:
        return validate(config)
    except ConfigError as error:
        raise ConfigError(f"--workdir: {path}: {error}") from error

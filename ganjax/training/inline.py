"""A training in the process that asks for it: what `ganjax.train` does."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganjax.command.exits import Exit
from ganjax.command.line import check_folder
from ganjax.command.stopping import StopRequest
from ganjax.config import ConfigDict, ConfigError, flatten, override
from ganjax.config.builtin import BUILT_IN
from ganjax.config.completion import completed, names_others
from ganjax.config.program import Program, read_program
from ganjax.config.validation import validate
from ganjax.look.run import TrainedRun, load
from ganjax.record.reading import RunError, read_status
from ganjax.training import loop
from ganjax.training.devices import be_patient
from ganjax.training.folder import write_preempted


class DivergedError(ArithmeticError):
    """A training that came to a loss, gradient or sample that is not finite.

    Its folder keeps the last good checkpoint.
    """


def train(
    config: str | Path | ConfigDict | Mapping[str, Any],
    workdir: str | Path,
    *,
    overrides: Mapping[str, Any],
    on_record: loop.OnRecord | None,
) -> TrainedRun:
    """See `ganjax.train`."""
    check_folder(str(workdir))
    folder, stop = Path(workdir), StopRequest()
    program = _program(config, overrides)
    be_patient(os.environ)
    with stop.heed_interrupt(), program.naming():
        try:
            code = loop.run(program, folder, "train", stop=stop, on_record=on_record)
        except KeyboardInterrupt:
            write_preempted(folder, loop.AGAIN)
            code = Exit.STOPPED
    if code == Exit.DIVERGED:
        raise DivergedError(f"{folder}: {read_status(folder)['message']}")
    try:
        return load(folder)
    except (ConfigError, RunError):
        if code == Exit.STOPPED:  # before anything was saved
            raise KeyboardInterrupt from None
        raise


def _program(
    config: str | Path | ConfigDict | Mapping[str, Any], overrides: Mapping[str, Any]
) -> Program:
    words = [f"{key}={value}" for key, value in flatten(overrides).items()]
    if isinstance(config, str | Path):
        return read_program(str(config), words)
    if isinstance(config, Mapping):
        config = ConfigDict(completed(config, BUILT_IN))
    elif isinstance(config, ConfigDict):
        config = ConfigDict(config)  # a copy
    else:
        kind = type(config).__name__
        raise ConfigError(f"config: a file, a ConfigDict or a run's config, not {kind}")
    override(config, words, "config")
    try:
        return Program(validate(config))
    except ConfigError as error:
        has_own = names_others(config.to_dict())
        hint = "; for parts of an experiment's own give its file" if has_own else ""
        raise ConfigError(f"{error}{hint}") from error

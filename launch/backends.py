"""The back ends by name, and how a file of the user's adds one."""

import importlib
import runpy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ganjax.config.experiment import ConfigError
from launch.backend import Scheduler
from launch.options import Table, read_options

LOCAL = "local"

# Where those that ship are; imported when they are chosen.
_MODULES = {"slurm": "launch.slurm", "kubernetes": "launch.kubernetes"}

NAMES = (LOCAL, *_MODULES)


class Kind(NamedTuple):
    """A scheduler's options, and what opens it with them."""

    options: Table
    open: Callable[[Mapping[str, Any]], Scheduler]


def open_scheduler(backend: str, options: Mapping[str, Any]) -> Scheduler:
    """The scheduler of a back end, with options that were checked once.

    Perhaps by an older version, which had others.

    Raises:
      ConfigError: there is no such back end.
    """
    table, opens = _kind(backend)
    return opens({key: options.get(key, x.default) for key, x in table.items()})


def options_of(
    backend: str, path: str | None, given: Sequence[str]
) -> Mapping[str, Any]:
    """The options of a back end, from a file and "KEY=VALUE", checked.

    Raises:
      ConfigError: there is no such back end or option, or a value cannot be used.
    """
    return read_options(backend, _kind(backend).options, path, given)


def _kind(backend: str) -> Kind:
    if backend in _MODULES:
        module = vars(importlib.import_module(_MODULES[backend]))
    elif backend.endswith(".py") and Path(backend).is_file():
        module = runpy.run_path(backend)
    else:
        what = ", ".join(NAMES)
        raise ConfigError(f"--backend: {backend!r} is none of {what}, nor a FILE.py")
    try:
        return Kind(module["OPTIONS"], module["open_scheduler"])
    except KeyError as error:
        raise ConfigError(f"--backend: {backend} lacks {error.args[0]}") from error

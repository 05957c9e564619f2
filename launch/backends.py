"""The back ends by name, and how a file of the user's adds one."""

import importlib
import runpy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ganjax.config.experiment import ConfigError
from launch.backend import Scheduler
from launch.options import Option, Table, read_options

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
    backend: str,
    path: str | None,
    given: Sequence[str],
    before: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    """The options of a back end, as of `read_options`.

    Raises:
      ConfigError: there is no such back end or option, or a value cannot be used.
    """
    return read_options(backend, _kind(backend).options, path, given, before)


def _kind(backend: str) -> Kind:
    if backend not in _MODULES and not backend.endswith(".py"):
        what = ", ".join(NAMES)
        raise ConfigError(f"--backend: {backend!r} is none of {what}, nor a FILE.py")
    try:
        if backend in _MODULES:
            module = vars(importlib.import_module(_MODULES[backend]))
        else:
            module = runpy.run_path(backend)
        kind = Kind(dict(module["OPTIONS"]), module["open_scheduler"])
    except KeyError as error:
        raise ConfigError(f"--backend: {backend} lacks {error.args[0]}") from error
    except Exception as error:  # whatever a file of the user's raises
        what = f"{type(error).__name__}: {error}"
        raise ConfigError(f"--backend: {backend}: {what}") from error
    if not all(isinstance(option, Option) for option in kind.options.values()):
        what = "OPTIONS holds what is no launch.options.Option"
        raise ConfigError(f"--backend: {backend}: {what}")
    return kind

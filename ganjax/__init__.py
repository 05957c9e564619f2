"""Experiments with generative adversarial objectives in JAX.

    run = ganjax.train("ring", "runs/ring")    # or python -m ganjax.main ...
    run = ganjax.load("runs/ring")             # a run that was trained
    run.sample(16)                             # NumPy, [16, 2]
    ganjax.frame(["runs/ring", "runs/other"])  # a table of runs

jax is imported when a run is trained or loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a command heeds no signal before this file has been read
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from ganjax.look.run import TrainedRun

__version__ = "0.1.0"

__all__ = ["frame", "load", "train"]


def frame(folders: str | Path | Iterable[str | Path]) -> Any:
    """One table of runs: what differs between them, and what they are worth.

    Args:
      folders: of runs or sweeps, one or several.

    Returns:
      A row for each run: `folder`, `state`, `step`, `seed`, the keys of their configs
      that differ, by dotted name, and the numbers of their evaluations, NaN where there
      is none. A pandas `DataFrame` where pandas is installed, else a dict of NumPy
      arrays `[R]` by the same names.

    Raises:
      ValueError: a folder holds neither a run nor a sweep: one line that names it.
    """
    from ganjax.report.frame import frame

    return frame(folders)


def train(
    config: str | Path | Mapping[str, Any],
    workdir: str | Path,
    *,
    overrides: Mapping[str, Any] | None = None,
    on_record: Callable[[int, Mapping[str, float]], object] | None = None,
) -> TrainedRun:
    """Trains a run in this process, or resumes it: that of `python -m ganjax.main`.

    The folder, the bits and the messages are the same. Ctrl-C, or a notebook's button,
    saves after the steps that are under way and returns the run as it is then; the same
    call resumes it. No signal handler stays behind.

    Args:
      config: an experiment's file or name with its argument, "ring:wasserstein"; or a
        `ConfigDict`, as `get_config` of an experiment gives it; or another run's
        `config`. An experiment with parts of its own is given by its file.
      workdir: the run's folder.
      overrides: values of the config by dotted key: `{"steps": 1_000}`.
      on_record: is called as `on_record(step, metrics)` with each record, which is
        every `config.record.every` steps; metrics are floats by name. What it raises
        ends the training.

    Returns:
      The run, as `load` gives it.

    Raises:
      ValueError: a bad config or folder, in one line; nothing is written then.
      ArithmeticError: the training diverged; its last good checkpoint is kept.
      OSError: the machine failed, as by a full disk; the same call may work later.
      KeyboardInterrupt: it was interrupted before anything was saved.
    """
    from ganjax.training import inline

    return inline.train(config, workdir, overrides=overrides or {}, on_record=on_record)


def load(folder: str | Path, step: int | None = None) -> TrainedRun:
    """Loads a run that was trained.

    Args:
      folder: of the run, as `--workdir` was given.
      step: one of those that were saved; the last unless given.

    Returns:
      The run: its config, metrics and evaluation, and what its networks make.

    Raises:
      ValueError: there is no run, nothing of it was saved, or it is damaged: one line
        that names the file.
    """
    from ganjax.look import run

    return run.load(folder, step)


def __dir__() -> list[str]:
    return sorted([*__all__, "__doc__", "__name__", "__version__"])

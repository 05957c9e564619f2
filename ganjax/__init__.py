"""Experiments with generative adversarial objectives in JAX.

    run = ganjax.train("ring", "runs/ring")    # or python -m ganjax.main ...
    run = ganjax.load("runs/ring")             # a run that was trained
    run.sample(16)                             # NumPy, [16, 2]
    ganjax.frame(["runs/ring", "runs/other"])  # a table of runs

jax is imported when a run is trained or loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganjax.look.run import TrainedRun

__version__ = "0.1.0"

__all__ = ["load"]


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

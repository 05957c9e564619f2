"""Points: many runs that one process checks or trains, as a file lists them. No jax."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ganjax.config import ConfigError
from ganjax.config.program import Program, read_program


class Given(NamedTuple):
    """A point as it is given: an experiment, "KEY=VALUE" each, and a run folder.

    `runs` is how many like it share a program, for who asks what that needs.
    """

    config: str
    overrides: list[str]
    workdir: str
    runs: int = 1

    def __str__(self) -> str:
        """As messages name it."""
        return " ".join((self.config, *self.overrides))


def read_points(source: str) -> list[Given]:
    """The points that a JSON file lists, or standard input where `source` is "-".

    Raises:
      ConfigError: it cannot be read, or holds something else.
    """
    try:
        text = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        return [_given(found) for found in json.loads(text)]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        what = 'must hold a JSON list of {"config": ..., "overrides": [...]}'
        raise ConfigError(
            f"--points: {source}: {what}; {type(error).__name__}: {error}"
        ) from error


def _given(found: Mapping[str, Any]) -> Given:
    overrides, runs = found["overrides"], int(found.get("runs", 1))
    if not isinstance(overrides, list) or runs < 1:
        raise TypeError("overrides are a list, and runs a number of them")
    workdir = str(found.get("workdir", ""))
    return Given(str(found["config"]), [*map(str, overrides)], workdir, runs)


def read_programs(points: Sequence[Given]) -> list[tuple[Program, Path]]:
    """The program and folder of each point, which are to be trained.

    Raises:
      ConfigError: a point's config is not valid, or it has no folder, or another's.
    """
    runs: list[tuple[Program, Path]] = []
    for index, point in enumerate(points):
        folder = Path(point.workdir)
        if not point.workdir or folder in [other for _, other in runs]:
            raise ConfigError(f"--points: point {index} needs a workdir of its own")
        try:
            runs.append((read_program(point.config, point.overrides), folder))
        except ConfigError as error:
            raise ConfigError(f"{point}: {error}") from error
    if not runs:
        raise ConfigError("--points: there is no point")
    first, _ = runs[0]
    for program, folder in runs:
        if program.has_own_parts and program.files != first.files:
            raise ConfigError(
                f"--points: {folder}: has parts of another experiment's file than the "
                "first point, which cannot be packed with it"
            )
    return runs

"""A config, the parts it may name, and the files that they come from. No jax."""

import json
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from ganjax.config import experiment
from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import Catalogue
from ganjax.config.chosen import choose, parts_of
from ganjax.config.completion import completed, names_others
from ganjax.config.experiment import ConfigError
from ganjax.config.loading import load, override
from ganjax.config.parts import catalogue_with
from ganjax.config.validation import validate
from ganjax.types import PartError

SOURCE = "source"  # of a run folder: the experiment's file and what it builds on
_MAIN = "experiment.json"  # in there: which of the files it is


class Program(NamedTuple):
    """What a run is made of.

    `files` are what the experiment consists of, by their path in the run folder's
    `source/`, the experiment's own file first; empty where the config came from a
    folder without any.
    """

    config: dict[str, Any]  # validated
    catalogue: Catalogue = BUILT_IN
    files: Mapping[str, bytes] = {}
    folder: Path = Path()  # that the paths of the files are relative to

    @property
    def has_own_parts(self) -> bool:
        """Whether the config names a part of the experiment's file."""
        chosen = choose(self.config, self.catalogue)
        return any(part.is_own for part in parts_of(chosen))

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Says in one line what goes wrong in the experiment's own parts, and where.

        Raises:
          ConfigError: that line.
        """
        try:
            yield
        except Exception as error:
            line = self.describe(error)
            if not line:
                raise
            raise ConfigError(line) from error

    def describe(self, error: BaseException) -> str:
        """An error of the experiment's own in one line, "" for any other.

        That is one in a file of the program, or of a part that breaks its contract.
        """
        reason = " ".join(str(error).split())
        if isinstance(error, PartError):
            return reason
        own = {str(self.folder / name): name for name in self.files}
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            path = str(Path(frame.filename).resolve())
            if path in own:
                kind = type(error).__name__
                return f"{frame.filename}:{frame.lineno}: {kind}: {reason}"
        return ""


def read_program(location: str, overrides: Sequence[str] = ()) -> Program:
    """The program of an experiment's file, `file.py` or `file.py:argument`.

    Raises:
      ConfigError: as of `load` and `validate`, or a row of `PARTS` is not a part.
    """
    config = load(location, overrides)
    catalogue = _catalogue(location)
    paths = experiment.files_of(location)
    folder = Path(*_common([path.parent.parts for path in paths]))
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return Program(validate(config, catalogue), catalogue, files, folder)


def read_stored(run: Path, overrides: Sequence[str] = ()) -> Program:
    """The program of the run in a folder, with overrides "KEY=VALUE".

    The experiment's file that lies there is run where the config names parts of it.

    Raises:
      ConfigError: no run lies there, its config is not valid here, or an override
        cannot be applied.
    """
    from ganjax.record import reading  # and NumPy, which --help need not wait for

    path = run / "config.json"
    if not path.is_file():
        raise ConfigError(f"{run} is not a run folder; train first")
    try:
        given = reading.read_config(run)
    except reading.RunError as error:
        raise ConfigError(str(error)) from error
    catalogue = stored_catalogue(run, given)
    config = ConfigDict(completed(given, catalogue))
    override(config, overrides, str(path))
    try:
        checked = validate(config, catalogue)
    except ConfigError as error:
        main = run / SOURCE / _MAIN
        is_lost = names_others(given) and not main.is_file()
        hint = (
            f"; for parts of an experiment's own {main} is missing" if is_lost else ""
        )
        raise ConfigError(f"{path}: {error}{hint}") from error
    folder = (run / SOURCE).resolve()
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*.py"))
    }
    return Program(checked, catalogue, files, folder)


def stored_catalogue(run: Path, config: Mapping[str, Any]) -> Catalogue:
    """The parts that the config of a run may name.

    Those of the experiment's file are made by running it, which is done only where the
    config names a part that is not built in.
    """
    main = run / SOURCE / _MAIN
    if not main.is_file() or not names_others(config):
        return BUILT_IN
    try:
        name = json.loads(main.read_bytes())["file"]
        location = run / SOURCE / name
        inside = location.resolve().is_relative_to((run / SOURCE).resolve())
    except (OSError, ValueError, KeyError, TypeError) as error:
        words = 'must hold {"file": NAME}'
        raise ConfigError(f"{main} is damaged: {words}") from error
    if not inside:
        raise ConfigError(f"{main} is damaged: {name} lies outside of it")
    return _catalogue(str(location))


def store(program: Program, run: Path) -> None:
    """Writes the files of a program into the folder of its run, which lacks them."""
    from ganjax.record.files import write_bytes, write_json

    if (run / SOURCE / _MAIN).is_file():
        return
    for name, content in program.files.items():
        write_bytes(run / SOURCE / name, content)
    if program.files:
        write_json(run / SOURCE / _MAIN, {"file": next(iter(program.files))})


def check_same_source(program: Program, run: Path) -> None:
    """Checks that a run which has parts of its own began with the same files.

    Raises:
      ConfigError: names what differs, and what to do.
    """
    if not program.has_own_parts or not (run / SOURCE / _MAIN).is_file():
        return
    for name, content in program.files.items():
        kept = run / SOURCE / name
        if not kept.is_file() or kept.read_bytes() != content:
            raise ConfigError(
                f"{run} began with another {name}, whose parts it is made "
                f"of: train with {kept}, or choose another folder, which may begin "
                f"from this state by --init_from={run}"
            )


def _catalogue(location: str) -> Catalogue:
    own = experiment.parts(location)
    try:
        return catalogue_with(own) if own else BUILT_IN
    except ConfigError as error:
        raise ConfigError(f"{experiment.split(location)[0]}: {error}") from error


def _common(parts: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The longest beginning that all have."""
    same = [len(set(each)) == 1 for each in zip(*parts, strict=False)]
    return parts[0][: [*same, False].index(False)]

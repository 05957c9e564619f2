"""Experiment files: runs them and calls their functions. No jax.

An experiment file defines `get_config(arg)`, and may define four more functions:

    sweep(add)         calls `add(arg, **overrides)` once for each point of its sweep;
                       sweep(add, arg) gets the argument that the sweep is given too
    halve(at)          calls `at(step, by=..., keep=...)` for each rung, at whose step
                       only the best of the sweep's runs go on; halve(at, arg) as sweep
    follow(add, runs)  adds points that follow from the runs that have ended
    study(runs)        makes tables and figures of finished runs, a list or one by one

It is a program: whoever has it read runs it. Whatever goes wrong inside the file is a
`ConfigError` of one line, with file and line.
"""

import hashlib
import inspect
import numbers
import reprlib
import runpy
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import invalidate_caches
from os.path import isdir, isfile
from pathlib import Path
from typing import Any, NamedTuple

Value = int | float | str | bool | tuple | None


class ConfigError(ValueError):
    """A config, argument or data set that cannot be used, said in one line."""


_SHIPPED = "_experiments"  # the folder of the installed package

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 80


class Point(NamedTuple):
    """What `add` was given: the argument, and dotted keys of the config with values."""

    arg: str
    overrides: dict[str, Value]


def split(location: str) -> tuple[str, str | None]:
    """The file and the argument of `file.py:argument`, None where no colon follows.

    A path may hold colons itself: the file is the shortest beginning that is a file or,
    where none is, what ends with the first ".py". What is neither, as in
    `ring:argument`, may be the name of an experiment that came with ganjax.
    """
    ends = [i for i, letter in enumerate(f"{location}:") if letter == ":"]
    files = [end for end in ends if isfile(location[:end])]
    named = [end for end in ends if location[:end].endswith(".py")]
    end = (files or named or ends)[0]
    path = location[:end]
    if not files and not named:
        path = str(shipped().get(path, path))
    return path, location[end + 1 :] if end < len(location) else None


def shipped() -> dict[str, Path]:
    """The experiment files of this installation or checkout, by name, sorted."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / _SHIPPED, package.parent / "experiments"):
        if files := sorted(folder.glob("*.py")):
            return {file.stem: file for file in files}
    return {}


def shown(value: Any) -> str:
    """A value as messages show it: its `repr`, the middle left out where it is long."""
    try:
        return _REPR.repr(value)
    except ValueError:  # Python writes no whole number of 4,300 digits
        return f"a whole number of {value.bit_length()} bits"


def get_config(location: str) -> Any:
    """What `get_config` of `file.py` or `file.py:argument` returns.

    Raises:
      ConfigError: no such file or function, or an error in the file.
    """
    path, argument = split(location)
    function = _function(path, "get_config")
    if function is None:
        raise ConfigError(f"{path}: has no function get_config(argument)")
    with _naming(path), _building(Path(path).resolve()):
        return function(*[] if argument is None else [argument])


def sweep(location: str) -> list[Point]:
    """The points that `sweep(add)` of an experiment file adds, in order.

    Where it is `sweep(add, arg)` it gets the argument behind the colon, "" where there
    is none, so that its points may depend on it.

    Raises:
      ConfigError: no such file or function, an error in the file, no point, the same
        point twice, or a value that a command line cannot carry.
    """
    path, argument = split(location)
    function = _function(path, "sweep")
    if function is None:
        raise ConfigError(f"{path}: has no function sweep(add) that adds points")
    points: list[Point] = []

    def add(arg: str = "", **overrides: Any) -> None:
        point = _point("sweep", arg, overrides)
        if point in points:
            raise ConfigError(f"sweep adds {describe(point)} twice")
        points.append(point)

    with _naming(path):
        asks = len(inspect.signature(function).parameters) > 1
        function(add, *[argument or ""] if asks else [])
    if not points:
        raise ConfigError(f"{path}: sweep(add) adds no point")
    return points


def has_follow(location: str) -> bool:
    """Whether an experiment file defines `follow(add, runs)`.

    Raises:
      ConfigError: no such file, or an error in the file.
    """
    return _function(split(location)[0], "follow") is not None


def follow(location: str, runs: Sequence[Any]) -> list[Point]:
    """The points that `follow(add, runs)` of an experiment file adds, in order.

    A point may be among them twice, as one that is the best in two ways, or be one of
    the sweep already. None is added where the file defines no such function.

    Raises:
      ConfigError: no such file, an error in the file, or a value that a command line
        cannot carry.
    """
    path = split(location)[0]
    function = _function(path, "follow")
    points: list[Point] = []

    def add(arg: str = "", **overrides: Any) -> None:
        points.append(_point("follow", arg, overrides))

    if function is not None:
        with _naming(path):
            function(add, runs)
    return points


class Rung(NamedTuple):
    """A step at which runs pause; of them a share goes on, the best by a measure."""

    step: int
    by: str
    keep: float


def rungs(location: str) -> list[Rung]:
    """The rungs that `halve(at)` of an experiment file names; none without one.

    Raises:
      ConfigError: no such file, an error in the file, or a rung that cannot be.
    """
    path, argument = split(location)
    function = _function(path, "halve")
    found: list[Rung] = []

    def at(step: int, *, by: str, keep: float) -> None:
        last = found[-1].step if found else 0
        is_whole = isinstance(step, numbers.Integral) and not isinstance(step, bool)
        if not is_whole or step <= last:
            raise ConfigError(f"halve: steps must be whole and rise: {shown(step)}")
        if not isinstance(by, str):
            raise ConfigError(f"halve: by={shown(by)}; by must be a string")
        if not isinstance(keep, numbers.Real) or not 0 < keep < 1:
            raise ConfigError(f"halve: keep must lie in (0, 1), not {shown(keep)}")
        found.append(Rung(int(step), by, float(keep)))

    if function is not None:
        with _naming(path):
            asks = len(inspect.signature(function).parameters) > 1
            function(at, *[argument or ""] if asks else [])
    return found


def _point(function: str, arg: Any, overrides: Mapping[str, Any]) -> Point:
    if not isinstance(arg, str):
        raise ConfigError(f"{function} adds arg={shown(arg)}; arg must be a string")
    return Point(arg, {key: _value(function, key, x) for key, x in overrides.items()})


def study(location: str, runs: Sequence[Any]) -> Iterator[Any] | None:
    """What `study(runs)` of an experiment file returns or yields; None without one.

    It is made as it is asked for, so that what comes before an error is not lost.

    Raises:
      ConfigError: no such file, or an error in the file, perhaps in a later item.
    """
    path = split(location)[0]
    function = _function(path, "study")
    return None if function is None else _items(path, function, runs)


def _items(path: str, function: Callable[..., Any], runs: Sequence[Any]) -> Iterator:
    with _naming(path):
        made = function(runs)
        # A lone table is a tuple too, of its fields.
        if not isinstance(made, Iterator) and type(made) not in (list, tuple):
            raise ConfigError(
                "study must yield tables and figures or return a list of them, not "
                f"{type(made).__name__}"
            )
        yield from made


def file_hash(location: str) -> str:
    """The SHA-256 of an experiment file's bytes, "" where there is no such file.

    Of that file alone: what it imports is not in it.
    """
    path = Path(split(location)[0])
    return hashlib.sha256(path.read_bytes()).hexdigest() if isfile(path) else ""


def join_args(location: str, arg: str) -> str:
    """`file.py:given` with the argument of a point behind: `file.py:given,arg`."""
    path, given = split(location)
    words = ",".join(filter(None, (given, arg)))
    return f"{path}:{words}" if words else path


def describe(point: Point) -> str:
    """A point in words, as errors name it."""
    words = [point.arg, *(f"{key}={x}" for key, x in point.overrides.items())]
    return " ".join(filter(None, words)) or "a point without argument or override"


def _value(function: str, key: str, value: Any) -> Value:
    """`value` in Python's own types: a grid may be made by numpy."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, tuple):
        return tuple(_value(function, key, item) for item in value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    raise ConfigError(
        f"{function} adds {key}={shown(value)}; a value must be a number, string, "
        "bool, tuple or None"
    )


def parts(location: str) -> list[Any]:
    """What the list `PARTS` of an experiment file holds, nothing where it has none.

    Raises:
      ConfigError: no such file, an error in it, or `PARTS` is no list.
    """
    path = split(location)[0]
    found = _namespace(path).get("PARTS", [])
    if not isinstance(found, list | tuple):
        raise ConfigError(f"{path}: PARTS must be a list, not {shown(found)}")
    return list(found)


def files_of(location: str) -> list[Path]:
    """The experiment's file, and the files that it was built on when it was last run.

    These are the modules that it imported and that are installed nowhere, such as other
    experiments.
    """
    path = Path(split(location)[0]).resolve()
    return [path, *sorted(_built_on.get(path, set()) - {path})]


_built_on: dict[Path, set[Path]] = {}  # what the experiments of this process need
_imported: set[str] = set()  # modules that the last experiment that was run imported


def run_file(path: str) -> dict[str, Any]:
    """The variables of an experiment's file, which is run; its folder has modules.

    As that of a script, its folder comes before all others; and its modules are read
    anew: another experiment may have modules of the same names, or a file was changed.
    """
    resolved = Path(path).resolve()
    folder = str(resolved.parent)
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)
    elsewhere = [
        file.stem
        for file in resolved.parent.glob("*.py")
        if (other := _own_file(file.stem)) and other != file
    ]
    for name in (*_imported, *elsewhere):
        sys.modules.pop(name, None)
    _imported.clear()
    invalidate_caches()
    with _building(resolved):
        return runpy.run_path(path, run_name="__experiment__")


@contextmanager
def _building(path: Path) -> Iterator[None]:
    """Notes what the experiment in `path` imports within."""
    before = set(sys.modules)
    try:
        yield
    finally:
        made = {name: _own_file(name) for name in set(sys.modules) - before}
        own = {name: file for name, file in made.items() if file}
        _imported.update(own)
        _built_on.setdefault(path, set()).update(own.values())


def _own_file(name: str) -> Path | None:
    """The file of a module that is installed nowhere."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if not file or not file.endswith(".py"):
        return None
    path = Path(file).resolve()
    package = Path(__file__).resolve().parents[1]
    if path.parent == package / _SHIPPED:
        return path
    installed = [package, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()]
    is_installed = "site-packages" in path.parts or any(
        path.is_relative_to(x) for x in installed
    )
    return None if is_installed else path


def _function(path: str, name: str) -> Callable[..., Any] | None:
    found = _namespace(path).get(name)
    return found if callable(found) else None  # as after `from ganjax import study`


def _namespace(path: str) -> dict[str, Any]:
    if isdir(path):
        raise ConfigError(f"--config: {path} is a folder, not a file")
    if not isfile(path):
        raise ConfigError(f"--config: there is no file {path}{_alike(path)}")
    with _naming(path):
        # Anew for each call, a quarter of a millisecond: what one point of a sweep
        # changes in the file's own variables must not reach the next.
        return run_file(path)


def _alike(path: str) -> str:
    """A hint at an experiment file that is there."""
    near = [f"{path}.py", f"experiments/{path}"]
    found = [name for name in near if isfile(name)]
    folder = Path(path).parent
    if not found and Path(path).name == path and not path.endswith(".py"):
        found = get_close_matches(path, shipped(), n=1)
    if not found and isdir(folder):
        names = [other.name for other in folder.glob("*.py")]
        close = get_close_matches(Path(path).name, names, n=1)
        found = [str(folder / name) for name in close]
    return f"; did you mean {found[0]}?" if found else ""


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Makes any error one line that names the file, and the line in it."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except (Exception, SystemExit) as error:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).resolve() == Path(path).resolve()
        ]
        where = f"{path}:{lines[-1]}" if lines else path
        reason = " ".join(str(error).split())
        raise ConfigError(f"{where}: {type(error).__name__}: {reason}") from error

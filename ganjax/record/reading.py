"""What run and sweep folders say, with the shape of each file checked. No jax.

What lies in a folder is data, perhaps damaged or another's: nothing of it is run, and
no name of it leads out of the folder.
"""

import os
import re
import reprlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ganjax.config.catalogue import BEST_AT
from ganjax.record import files
from ganjax.record.files import is_count, is_number

SWEEP = "sweep.json"
LONGEST = 80  # characters of a run folder's name

_NAME = re.compile(rf"[A-Za-z0-9=_+-][A-Za-z0-9=_.+-]{{0,{LONGEST - 1}}}")

_Shape = Mapping[str, tuple[Callable[[Any], bool], str]]


class RunError(ValueError):
    """A folder that cannot be read as a run; names the file and what is wrong."""


def read_object(path: Path) -> Mapping[str, Any]:
    """Reads a JSON object; no such file gives an empty one.

    Raises `RunError` where the file holds anything else, or cannot be read.
    """
    try:
        found = files.read_json(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise RunError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise RunError(f"{path}: not JSON, {error}") from error
    if not isinstance(found, dict):
        raise RunError(f"{path}: a JSON object is expected, not {type(found).__name__}")
    return found


def read_status(workdir: Path) -> Mapping[str, Any]:
    """`status.json` of a run: state, step, steps, message; empty where there is none.

    Raises `RunError` where it is damaged, as all of these do.
    """
    return _read(workdir / "status.json", _STATUS)


def read_evaluation(workdir: Path) -> Mapping[str, Any]:
    """`evaluation.json` of a run: step, samples, and metrics, numbers or None.

    Since measures can be a run's own, `better` says where the best of each number lies.
    """
    path = workdir / "evaluation.json"
    return _read(path, _EVALUATION, optional=_BESIDE)


def read_init(workdir: Path) -> Mapping[str, Any]:
    """`init.json` of a run that began from another's state: its folder and step."""
    return _read(workdir / "init.json", _INIT)


def read_config(workdir: Path) -> Mapping[str, Any]:
    """`config.json` of a run, nested."""
    return _read(workdir / "config.json", {}, optional=_CONFIG)


def read_data(workdir: Path) -> Mapping[str, Any]:
    """`data.json` of a run: size, shape, classes and fingerprint of its data."""
    return _read(workdir / "data.json", {}, optional=_DATA)


def read_class_names(workdir: Path) -> tuple[str, ...]:
    """The names of the classes that a run's data had; none where it had no classes."""
    return tuple(read_data(workdir).get("classes") or ())


def read_sweep(folder: Path) -> Mapping[str, Any]:
    """`sweep.json` of a sweep folder, as `launch.sweep` describes it."""
    path = folder / SWEEP
    if not path.exists():
        raise RunError(f"{path}: there is no such file")
    found = _read(path, _SWEEP, optional=_SINCE)
    for index, point in enumerate(found["points"]):
        where = f"{path}: point {index}"
        _check(where, point, _POINT)
        _check_values(where, point, _STAGE)
        _check_values(where, {**found["common"], **point["config"]}, _CONFIG)
    folders = [point["folder"] for point in found["points"]]
    if len(set(folders)) < len(folders):
        raise RunError(f"{path}: damaged, two points have one folder")
    return found


def inside(folder: Path, name: str) -> Path:
    """What `name` is called in a folder; raises `RunError` where it is a link out."""
    path = folder / name
    if path.resolve().parent != folder.resolve():
        raise RunError(f"{path}: a link that leads out of {folder}")
    return path


def _read(
    path: Path, shape: _Shape, optional: _Shape | None = None
) -> Mapping[str, Any]:
    """An object in which these keys are as they must be, and some others if there."""
    found = read_object(path)
    if found or path.exists():
        _check(str(path), found, shape)
        _check_values(str(path), found, optional or {})
    return found


def _check(where: str, found: Mapping[str, Any], shape: _Shape) -> None:
    for key in shape:
        if key not in found:
            raise RunError(f"{where}: damaged, {key} is missing")
    _check_values(where, found, shape)


def _check_values(where: str, found: Mapping[str, Any], shape: _Shape) -> None:
    for key, (is_right, what) in shape.items():
        if key in found and not is_right(found[key]):
            value = reprlib.repr(found[key])
            raise RunError(f"{where}: damaged, {key} must be {what}, not {value}")


def _is_text(value: Any) -> bool:
    """Whether it can be a word of a command line: no NUL, no lone surrogate."""
    try:
        return isinstance(value, str) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_points(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_object, value))


def _are_numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(map(is_number, value.values()))


def _are_bests(value: Any) -> bool:
    return isinstance(value, dict) and all(x in BEST_AT for x in value.values())


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_rung(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != _RUNG:
        return False
    values, lost = value["values"], value["lost"]
    return (
        is_count(value["step"])
        and is_number(value["keep"])
        and _is_text(value["by"])
        and (values is None or _are_numbers(values))
        and (lost is None or _are_texts(lost))
    )


_RUNG = {"step", "by", "keep", "values", "lost"}
_COUNT = (is_count, "a whole number")
_TEXT = (_is_text, "a string")
_OBJECT = (_is_object, "an object")
_STATUS: _Shape = {"state": _TEXT, "step": _COUNT, "steps": _COUNT, "message": _TEXT}
_EVALUATION: _Shape = {"metrics": (_are_numbers, "an object of numbers")}
_BESIDE: _Shape = {
    "step": _COUNT,
    "samples": _COUNT,
    "better": (_are_bests, f"an object of the words {', '.join(BEST_AT)}"),
}
_INIT: _Shape = {"folder": _TEXT, "step": _COUNT, "players": _OBJECT}
_CONFIG: _Shape = {"seed": _COUNT, "steps": _COUNT}
_DATA: _Shape = {
    "examples": _COUNT,
    "shape": (
        lambda x: isinstance(x, list) and all(map(is_count, x)),
        "a list of counts",
    ),
    "classes": (lambda x: x is None or _are_texts(x), "a list of strings"),
    "class_count": _COUNT,
    "fingerprint": _TEXT,
}
_FOLLOW = ("none", "open", "ended")
_SINCE: _Shape = {  # older files lack them
    "experiment_hash": _TEXT,
    "follow": (_FOLLOW.__contains__, f"one of {', '.join(_FOLLOW)}"),
    "rungs": (
        lambda x: isinstance(x, list) and all(map(_is_rung, x)),
        'a list of rungs with "step", "by", "keep", "values" and "lost"',
    ),
}
_STAGE: _Shape = {"stage": _COUNT}
_SWEEP: _Shape = {
    "experiment": _TEXT,
    "overrides": (_are_texts, "a list of strings"),
    "common": _OBJECT,
    "points": (lambda x: x and _are_points(x), "a list of points"),
}
_POINT: _Shape = {
    "index": _COUNT,
    "folder": (_is_name, "the name of a folder in the sweep"),
    "arg": _TEXT,
    "overrides": _OBJECT,
    "hash": _TEXT,
    "config": _OBJECT,
}

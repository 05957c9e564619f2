"""What the data of a run is, as `data.json` records it, so that it stays the same."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganjax.config import ConfigError
from ganjax.record.reading import RunError, read_data
from ganjax.types import Source

_SHOWN = 3  # classes that a message names


def describe_data(source: Source) -> dict[str, Any]:
    """Number and shape of the examples, names and number of classes, a fingerprint.

    The fingerprint is the SHA-256 of pixels and labels as they are held, in their
    order, wherever the files lie. Where few labels are kept, these and the config
    decide which. Empty for a mixture, which is nothing but its parameters.
    """
    if "examples" not in source.arrays:
        return {}
    digest = hashlib.sha256()
    for name in ("examples", "labels"):
        digest.update(np.ascontiguousarray(source.arrays[name]).data)
    count, *shape = source.arrays["examples"].shape
    return {
        "examples": count,
        "shape": shape,
        "classes": list(source.class_names),
        "class_count": source.classes,
        "fingerprint": digest.hexdigest(),
    }


def check_data(folder: Path, now: dict[str, Any]) -> None:
    """Checks that the run in `folder` began with the data that is described as `now`.

    An older run, whose folder has no `data.json`, resumes with the data there is.

    Raises:
      ConfigError: says what changed since.
    """
    try:
        found = read_data(folder)
    except RunError as error:
        raise ConfigError(str(error)) from error
    was = {key: x if found.get(key) is None else found[key] for key, x in now.items()}
    if was == now:
        return
    raise ConfigError(
        f"config.data: not the data that the run in {folder} began with: "
        f"{_change(was, now)}; have that data back, or choose another "
        f"folder, which may begin from this state by --init_from={folder}; to resume "
        f"all the same, remove {folder / 'data.json'}"
    )


def _change(was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """In words, all but pixels and labels where anything else tells why they differ."""
    found = []
    if was["examples"] != now["examples"]:
        found.append(f"{was['examples']} examples are now {now['examples']}")
    if was["shape"] != now["shape"]:
        shapes = [" x ".join(map(str, x["shape"])) for x in (was, now)]
        found.append(f"examples of {shapes[0]} are now of {shapes[1]}")
    if was["classes"] != now["classes"]:
        found.append(_change_of_classes(was["classes"], now["classes"]))
    return "; ".join(found) or "their pixels or labels differ"


def _change_of_classes(was: Sequence[str], now: Sequence[str]) -> str:
    if len(was) != len(now):
        gone = [f"without {name}" for name in was if name not in now]
        new = [f"with {name}" for name in now if name not in was]
        return f"{len(was)} classes are now {len(now)}{_few([*gone, *new])}"
    pairs = [x for x in enumerate(zip(was, now, strict=True)) if x[1][0] != x[1][1]]
    words = [f"class {label} was {old}, is {new}" for label, (old, new) in pairs]
    return _few(words).removeprefix(", ")


def _few(words: Sequence[str]) -> str:
    more = [f"and {len(words) - _SHOWN} more"] if len(words) > _SHOWN else []
    return "".join(f", {x}" for x in [*words[:_SHOWN], *more])

"""Whether the data of a config is there, before anything is built. No jax.

Nothing is decoded or downloaded: folders are listed, and headers of idx files read.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ganjax.data.files import FEWEST, DataError, find_own
from ganjax.data.idx import read_shape
from ganjax.data.listing import (
    class_of_each,
    class_of_each_if_any,
    find_folder,
    find_images,
)
from ganjax.data.published import PUBLISHED, check_shapes

_CLASSES: dict[str, Callable[..., list[str]]] = {
    "image_folder": lambda folder, paths: [],
    "class_folders": class_of_each,
    "own_images": class_of_each_if_any,
}


def look(section: Mapping[str, Any]) -> str:
    """What is there, in a few words; "" of a source that reads no files of the user's.

    Args:
      section: `data` of a validated config.

    Raises:
      DataError: a folder or file is missing, or not what it must be, or images are too
        few.
    """
    name = section["name"]
    if name in PUBLISHED:
        return _published(name, section)
    return _folder(name, section["directory"]) if name in _CLASSES else ""


def _published(name: str, section: Mapping[str, Any]) -> str:
    published = PUBLISHED[name]
    files, directory = published.splits[section["split"]], section["directory"]
    found, advice = find_own(name, files, directory=directory, url=published.url)
    if not found:
        return f"{name} is in the user's cache, or will be downloaded: {advice}"
    image_path, label_path = found.values()
    shape = read_shape(image_path)
    check_shapes(image_path, shape, label_path, read_shape(label_path))
    return _counted(shape[0], f"in {image_path}")


def _folder(name: str, directory: str) -> str:
    folder = find_folder(name, directory)
    paths = find_images(folder)
    classes = len(set(_CLASSES[name](folder, paths)))
    return _counted(len(paths), f"in {folder}", f"{classes} classes" if classes else "")


def _counted(count: int, where: str, classes: str = "") -> str:
    if count < FEWEST:
        raise DataError(f"{count} images {where} are too few; at least {FEWEST}")
    return f"{count:,} images {where}" + (classes and f", {classes}")

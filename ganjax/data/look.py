"""Whether the data of a config is there, before anything is built. No jax.

Nothing is decoded or downloaded: folders are listed, and headers of idx files read.
Each function takes the section `data` of a validated config, says in a few words what
is there, and raises `DataError` where a folder or file is missing, or not what it must
be, or images are too few. Rows of data name theirs.
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


def published(section: Mapping[str, Any]) -> str:
    """Of files that others publish, the user's own or those that will be downloaded."""
    name = section["name"]
    published = PUBLISHED[name]
    files, directory = published.splits[section["split"]], section["directory"]
    found, advice = find_own(name, files, directory=directory, url=published.url)
    if not found:
        return f"{name} is in the user's cache, or will be downloaded: {advice}"
    image_path, label_path = found.values()
    shape = read_shape(image_path)
    check_shapes(image_path, shape, label_path, read_shape(label_path))
    return _counted(shape[0], f"in {image_path}")


def image_folder(section: Mapping[str, Any]) -> str:
    """Of images whose folders mean nothing."""
    return _folder(section, lambda folder, paths: [])


def class_folders(section: Mapping[str, Any]) -> str:
    """Of images in a folder for each class."""
    return _folder(section, class_of_each)


def own_images(section: Mapping[str, Any]) -> str:
    """Of images that may lie in a folder for each class."""
    return _folder(section, class_of_each_if_any)


def _folder(section: Mapping[str, Any], classes_of: Callable[..., list[str]]) -> str:
    folder = find_folder(section["name"], section["directory"])
    paths = find_images(folder)
    classes = len(set(classes_of(folder, paths)))
    return _counted(len(paths), f"in {folder}", f"{classes} classes" if classes else "")


def _counted(count: int, where: str, classes: str = "") -> str:
    if count < FEWEST:
        raise DataError(f"{count} images {where} are too few; at least {FEWEST}")
    return f"{count:,} images {where}" + (classes and f", {classes}")

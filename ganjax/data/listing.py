"""Which files of a folder are images, and of which class. No jax, no decoding."""

import os
from collections.abc import Sequence
from pathlib import Path

from ganjax.data.files import DataError

# Also of formats that cannot be read: to pass over such a photograph in silence would
# be worse than to refuse it.
_SUFFIXES = frozenset(
    {
        *(".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".jp2", ".pbm"),
        *(".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
    }
)


def find_folder(name: str, directory: str) -> Path:
    """The folder that the source `name` is to read, perhaps in `$GANJAX_DATA`.

    Raises:
      DataError: there is none.
    """
    option = f"{name}: --config.data.directory"
    if not directory:
        raise DataError(f"{option} must name a folder of images")
    own = os.path.expanduser(directory)
    root = os.path.expanduser(os.environ.get("GANJAX_DATA", ""))
    shared = os.path.join(root, own)  # `own` again if that is absolute
    for place in (own, shared):
        if os.path.isdir(place):
            return Path(place)
    also = "" if shared == own else f", nor is $GANJAX_DATA/{own} ({shared})"
    raise DataError(
        f"{option}={directory} is not a folder{also}; name a folder of images, by its "
        "path or by its path within $GANJAX_DATA"
    )


def find_images(folder: Path) -> list[Path]:
    """The image files, as sorted paths relative to the folder.

    Data are often linked into place, and a link may lead to a folder that is read
    already, or to one above it: each folder is read once, by its own path rather than
    by a link's.

    Raises:
      DataError: there is none, or a folder cannot be read.
    """

    def stop(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror}")

    found, links, seen = [], [str(folder)], set()
    while links:
        # os.walk by itself would pass over what it may not enter.
        for parent, names, files in os.walk(links.pop(0), onerror=stop):
            identity = os.stat(parent)
            if (identity.st_dev, identity.st_ino) in seen:
                names.clear()
                continue
            seen.add((identity.st_dev, identity.st_ino))
            names[:] = sorted(name for name in names if not name.startswith("."))
            paths = [os.path.join(parent, name) for name in names]
            links += [path for path in paths if os.path.islink(path)]
            found += [
                Path(parent, file).relative_to(folder)
                for file in files
                if not file.startswith(".") and Path(file).suffix.lower() in _SUFFIXES
            ]
    if not found:
        raise DataError(
            f"{folder}: holds no image, a file that ends with one of "
            f"{' '.join(sorted(_SUFFIXES))}"
        )
    return sorted(found, key=Path.as_posix)


def class_of_each(folder: Path, paths: Sequence[Path]) -> list[str]:
    """The sub-folder of each image, its class.

    Raises:
      DataError: an image lies elsewhere, all lie in one, or one holds no image.
    """
    for path in paths:
        if len(path.parts) != 2:
            raise DataError(
                f"{folder}: {path.as_posix()} does not lie one folder deep; name the "
                "folder that holds the class folders, or read it as image_folder, "
                "without labels"
            )
    names = [path.parts[0] for path in paths]
    if len(set(names)) == 1:
        raise DataError(
            f"{folder}: has no class but {names[0]}; name the folder that holds the "
            "class folders, or read it as image_folder, without labels"
        )
    _check_no_class_is_empty(folder, names)
    return names


def class_of_each_if_any(folder: Path, paths: Sequence[Path]) -> list[str]:
    """The same where all images lie in sub-folders, and are several, or [].

    Raises:
      DataError: a class folder holds no image.
    """
    names = [path.parts[0] for path in paths]
    if len(set(names)) == 1 or any(len(path.parts) != 2 for path in paths):
        return []
    return class_of_each(folder, paths)


def _check_no_class_is_empty(folder: Path, names: Sequence[str]) -> None:
    """As its number would go to the next one."""
    folders = {
        entry.name
        for entry in os.scandir(folder)
        if entry.is_dir() and not entry.name.startswith(".")
    }
    for name in sorted(folders - set(names)):
        # A link to a class that is read already is no class.
        if not (folder / name).is_symlink():
            raise DataError(
                f"{folder}: the class folder {name} holds no image; fill or remove it"
            )

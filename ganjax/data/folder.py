"""Folders of image files."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ganjax.data.files import DataError
from ganjax.data.images import few_labels, resident
from ganjax.types import Source

# Also of formats that cannot be read: to pass over such a photograph in silence would
# be worse than to refuse it.
_SUFFIXES = frozenset(
    {
        *(".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".jp2", ".pbm"),
        *(".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
    }
)

_GREY = frozenset({"1", "L", "LA"})
_MODES = _GREY | {"P", "RGB", "RGBA", "CMYK", "YCbCr"}

# What may be unlike among the images, and what mismatch=convert does to those.
_CONVERSIONS = {
    "grey": "repeats a grey channel three times",
    "transparent": "lays transparent images over white",
    "CMYK": "turns CMYK to RGB without regard to colour profiles",
}


def image_folder(
    *, directory: str, height: int, width: int, channels: int, mismatch: str
) -> Source:
    """The images in a folder and all its sub-folders, without labels.

    Files whose suffix is that of an image are read, sorted by their path within the
    folder; other files, and names that start with a dot, are passed over. An image is
    turned upright as its EXIF data says, cropped around its centre to the aspect ratio
    `height : width`, and resized with Pillow's Lanczos filter, which averages when it
    makes images smaller. Of an animation the first frame counts.

    Args:
      directory: a relative one that is not there is looked for in `$GANJAX_DATA`.
      height: of the examples, in pixels.
      width: of the examples, in pixels.
      channels: 3, or 1 for grey; colour becomes grey by the luma of ITU-R BT.601.
      mismatch: what is done with images that cannot be read as they are: with three
        channels those stored as grey, and transparent and CMYK ones. "refuse" or
        "convert": a grey channel is repeated, what is transparent laid over white.

    Raises:
      DataError: no such folder, no image in it, a file that cannot be read or has more
        than 8 bits a channel, or a mismatch to refuse.
    """
    folder = _folder("image_folder", directory)
    images = _read(folder, _find(folder), (height, width, channels), mismatch)
    return resident(images, np.zeros(len(images)), classes=0)


def class_folders(
    *,
    directory: str,
    height: int,
    width: int,
    channels: int,
    mismatch: str,
    labelled: int,
    labelled_share: float,
) -> Source:
    """As `image_folder`, but an image's label is the sub-folder in which it lies.

    Classes are the sub-folders that hold images, numbered from 0 in the order of their
    names as text: `10` comes before `9`. For `labelled` and `labelled_share` see
    `few_labels`.

    Raises:
      DataError: as `image_folder`; or an image lies elsewhere than in a sub-folder, all
        lie in the same, or so many cannot be labelled.
    """
    folder = _folder("class_folders", directory)
    paths = _find(folder)
    for path in paths:
        if len(path.parts) != 2:
            raise DataError(
                f"{folder}: {path.as_posix()} does not lie one folder deep; name the "
                "folder that holds the class folders, or read it as image_folder, "
                "without labels"
            )
    names = [path.parts[0] for path in paths]
    classes, labels = np.unique(names, return_inverse=True)  # sorts the classes
    if len(classes) == 1:
        raise DataError(
            f"{folder}: has no class but {classes[0]}; name the folder that holds the "
            "class folders, or read it as image_folder, without labels"
        )
    images = _read(folder, paths, (height, width, channels), mismatch)
    source = resident(images, labels, classes=len(classes))
    return few_labels(source, labelled=labelled, labelled_share=labelled_share)


def _folder(name: str, directory: str) -> Path:
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


def _find(folder: Path) -> list[Path]:
    """The image files, as sorted paths relative to the folder."""

    def stop(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror}")

    found = []
    # Data are often linked into place; os.walk would pass over what it may not enter.
    for parent, names, files in os.walk(folder, onerror=stop, followlinks=True):
        names[:] = [name for name in names if not name.startswith(".")]
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


def _read(
    folder: Path, paths: Sequence[Path], shape: tuple[int, int, int], mismatch: str
) -> np.ndarray:
    """uint8 `[N, *shape]`, the images in the order of the paths."""
    height, width, channels = shape
    images = np.empty((len(paths), *shape), np.uint8)

    def read(row: int) -> str:
        image = _decoded(folder / paths[row])
        kind = _mismatch(image, channels)
        plain = _plain(image, "L" if channels == 1 else "RGB")
        fitted = ImageOps.fit(plain, (width, height), Image.Resampling.LANCZOS)
        images[row] = np.asarray(fitted).reshape(shape)
        return kind

    with ThreadPoolExecutor() as pool:  # Pillow works without Python's lock
        kinds = list(pool.map(read, range(len(paths))))
    if mismatch == "refuse" and any(kinds):
        _refuse(folder, paths, kinds)
    return images


def _decoded(path: Path) -> Image.Image:
    """The image, upright, in one of `_MODES`."""
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: is not an image that Pillow can read") from error
    except Exception as error:  # bad bytes make its decoders raise of every kind
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as an image: {reason}") from error
    if upright.mode not in _MODES:
        raise DataError(
            f"{path}: has pixels of Pillow's mode {upright.mode}; make them grey or "
            "RGB, of 8 bits a channel"
        )
    return upright


def _mismatch(image: Image.Image, channels: int) -> str:
    """One of `_CONVERSIONS` if reading the image takes such, or ""."""
    # An alpha channel that is opaque everywhere is common, and nothing is lost with it.
    if image.has_transparency_data:
        opacity = np.asarray(image.convert("RGBA"))[..., 3]
        if opacity.min() < 255:
            return "transparent"
    if image.mode == "CMYK":
        return "CMYK"
    return "grey" if channels == 3 and image.mode in _GREY else ""


def _plain(image: Image.Image, mode: str) -> Image.Image:
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert(mode)


def _refuse(folder: Path, paths: Sequence[Path], kinds: list[str]) -> None:
    met = [kind for kind in _CONVERSIONS if kind in kinds]
    counts = ", ".join(
        f"{kinds.count(kind)} {kind} (first: {paths[kinds.index(kind)].as_posix()})"
        for kind in met
    )
    advice = "--config.data.mismatch=convert " + " and ".join(
        _CONVERSIONS[kind] for kind in met
    )
    if "grey" in met:
        advice += ", --config.data.channels=1 makes all images grey"
    raise DataError(f"{folder}: of {len(paths)} images {counts}; {advice}")

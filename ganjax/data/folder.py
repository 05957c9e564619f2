"""Folders of image files."""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from ganjax.data.files import DataError
from ganjax.data.images import few_labels, resident
from ganjax.data.listing import (
    class_of_each,
    class_of_each_if_any,
    find_folder,
    find_images,
)
from ganjax.types import Source

_GREY = frozenset({"1", "L", "LA"})
_MODES = _GREY | {"P", "RGB", "RGBA", "CMYK", "YCbCr"}

_LARGE = 16_000_000  # pixels
_BYTES = 12  # of a pixel while it is decoded: as a file, as RGBA and over white

_BITS_PER_SAMPLE = 258  # the TIFF tag
_WIDE = re.compile(r"(?!BGR;)\w+;(16|32|64)\w*")  # Pillow's names of raw pixels

# What may be unlike among the images, and what mismatch=convert does to those.
_CONVERSIONS = {
    "grey": "repeats a grey channel three times",
    "transparent": "lays transparent images over white",
    "CMYK": "turns CMYK to RGB without regard to colour profiles",
}


def image_folder(
    *,
    directory: str,
    height: int,
    width: int,
    channels: int,
    mismatch: str,
    max_pixels: int,
) -> Source:
    """The images in a folder and all its sub-folders, without labels.

    Files whose suffix is that of an image are read, sorted by their path within the
    folder; other files, and names that start with a dot, are passed over. Links are
    followed: a folder that several lead to is read once, a file by each. An image is
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
      max_pixels: of one image; larger ones may be made to fill the memory.

    Raises:
      DataError: no such folder, no image in it, a file that is not a regular one,
        cannot be read, or has more than 8 bits a channel or too many pixels; or a
        mismatch to refuse.
    """
    folder = find_folder("image_folder", directory)
    shape = (height, width, channels)
    images = _read(folder, find_images(folder), shape, mismatch, max_pixels)
    return resident(images, np.zeros(len(images)), classes=0)


def class_folders(
    *,
    directory: str,
    height: int,
    width: int,
    channels: int,
    mismatch: str,
    max_pixels: int,
    labelled: int,
    labelled_share: float,
) -> Source:
    """As `image_folder`, but an image's label is the sub-folder in which it lies.

    Classes are the sub-folders that hold images, numbered from 0 in the order of their
    names as text: `10` comes before `9`. For `labelled` and `labelled_share` see
    `few_labels`.

    Raises:
      DataError: as `image_folder`; or an image lies elsewhere than in a sub-folder, all
        lie in the same, a sub-folder holds none, or so many cannot be labelled.
    """
    folder = find_folder("class_folders", directory)
    paths = find_images(folder)
    names = class_of_each(folder, paths)
    classes, labels = np.unique(names, return_inverse=True)  # sorts the classes
    images = _read(folder, paths, (height, width, channels), mismatch, max_pixels)
    source = resident(
        images, labels, classes=len(classes), class_names=tuple(classes.tolist())
    )
    return few_labels(source, labelled=labelled, labelled_share=labelled_share)


def own_images(*, directory: str, height: int, width: int, max_pixels: int) -> Source:
    """The images in a folder, read as they are: in colour or grey, labelled or not.

    Where each image lies in a sub-folder of the folder, and they are several, these
    are the classes, as of `class_folders`; otherwise there are no labels. The examples
    are grey, of one channel, where no pixel of any has a colour; otherwise grey images
    among them have three equal channels. See `image_folder` for the rest, with
    "convert".

    Raises:
      DataError: as `image_folder`, or a class folder holds no image.
    """
    folder = find_folder("own_images", directory)
    paths = find_images(folder)
    images = _read(folder, paths, (height, width, 3), "convert", max_pixels)
    if all((image == image[..., :1]).all() for image in images):
        images = np.ascontiguousarray(images[..., :1])
    parents = class_of_each_if_any(folder, paths)
    if not parents:
        return resident(images, np.zeros(len(images)), classes=0)
    classes, labels = np.unique(parents, return_inverse=True)
    names = tuple(classes.tolist())
    return resident(images, labels, classes=len(names), class_names=names)


def _read(
    folder: Path,
    paths: Sequence[Path],
    shape: tuple[int, int, int],
    mismatch: str,
    max_pixels: int,
) -> np.ndarray:
    """uint8 `[N, *shape]`, the images in the order of the paths."""
    height, width, channels = shape
    images = np.empty((len(paths), *shape), np.uint8)

    one_at_a_time = Lock()  # of those that take much memory

    def read(row: int) -> str:
        with _opened(folder / paths[row], max_pixels) as image:
            is_large = image.width * image.height > _LARGE
            with one_at_a_time if is_large else nullcontext():
                image.load()
                ImageOps.exif_transpose(image, in_place=True)
                kind = _mismatch(image, channels)
                plain = _plain(image, "L" if channels == 1 else "RGB")
                fitted = ImageOps.fit(plain, (width, height), Image.Resampling.LANCZOS)
        images[row] = np.asarray(fitted).reshape(shape)
        return kind

    with _own_limit(), ThreadPoolExecutor() as pool:  # Pillow frees Python's lock
        kinds = list(pool.map(read, range(len(paths))))
    if mismatch == "refuse" and any(kinds):
        _refuse(folder, paths, kinds)
    return images


@contextmanager
def _own_limit() -> Iterator[None]:
    """Leaves the number of pixels to `max_pixels`, as Pillow has one limit for all."""
    given, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = given


@contextmanager
def _opened(path: Path, max_pixels: int) -> Iterator[ImageFile]:
    """An image that may be read as it is; what goes wrong with it names the file."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would never end
            raise DataError(f"{path}: is not a regular file")
        with Image.open(path) as image:
            _check(path, image, max_pixels)
            yield image
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: is not an image that Pillow can read") from error
    except Exception as error:  # bad bytes make its decoders raise of every kind
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as an image: {reason}") from error


def _check(path: Path, image: ImageFile, max_pixels: int) -> None:
    """Refuses by its head what would take too much memory or come out wrong."""
    width, height = image.size
    if width * height > max_pixels:
        raise DataError(
            f"{path}: has {width} x {height} pixels; --config.data.max_pixels="
            f"{width * height} allows it, and takes up to "
            f"{_BYTES * width * height / 1e9:.2g} GB of memory"
        )
    if (bits := _bits(image)) > 8:
        raise DataError(
            f"{path}: has {bits} bits a channel; make it grey or RGB, of 8 bits a "
            "channel"
        )
    if image.mode not in _MODES:
        raise DataError(
            f"{path}: has pixels of Pillow's mode {image.mode}; make them grey or "
            "RGB, of 8 bits a channel"
        )


def _mismatch(image: Image.Image, channels: int) -> str:
    """One of `_CONVERSIONS` if reading the image takes such, or ""."""
    # An alpha channel that is opaque everywhere is common, and nothing is lost with it.
    if image.has_transparency_data:
        opacity = np.asarray(image.convert("RGBA"))[..., 3]
        if opacity.min() < 255:
            return "transparent"
    if image.mode == "CMYK":
        return "CMYK"
    return "grey" if channels == 3 and _is_grey(image) else ""


def _is_grey(image: Image.Image) -> bool:
    if image.mode != "P":
        return image.mode in _GREY
    used = np.unique(np.asarray(image))
    palette = np.array(image.getpalette("RGB")).reshape(-1, 3)[used]
    return bool((palette == palette[:, :1]).all())


def _bits(image: ImageFile) -> int:
    """Bits of a channel in the file, as its decoder says, which may read the upper 8.

    Decoders of JPEG 2000 and AVIF scale what they read to 8 bits.
    """
    if tags := getattr(image, "tag_v2", None):  # TIFF
        return max(tags.get(_BITS_PER_SAMPLE, (1,)))
    for tile in image.tile:
        words = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        if tile.codec_name == "ppm" and isinstance(words[-1], int):
            return words[-1].bit_length()  # of the greatest value
        for word in words:
            # BGR;16 is 16 bits for all channels together.
            wide = _WIDE.fullmatch(word) if isinstance(word, str) else None
            if wide:
                return int(wide[1])
    return 8


def _plain(image: Image.Image, mode: str) -> Image.Image:
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image if image.mode == mode else image.convert(mode)


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

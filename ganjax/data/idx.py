"""The idx format, in which MNIST and its successors are published."""

import gzip
import math
import os
import stat
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from ganjax.data.files import DataError

_UNSIGNED_BYTES = 0x08
_MOST_DIMENSIONS = 64  # of an array of NumPy
_DEFLATED = 1032  # bytes at most of one byte of a gzip file


def read_idx(path: Path) -> np.ndarray:
    """The array in an idx file of unsigned bytes, gzipped if the name ends with `.gz`.

    The layout, big-endian: two zero bytes, one for the type of the elements, one for
    the number of dimensions; four bytes per dimension; the elements.

    Returns:
      uint8, of the shape that the header states; read-only.

    Raises:
      DataError: the file cannot be read, or is not, byte for byte, such a file.
    """
    with _naming(path), _opened(path) as file:
        return _read(path, file)


def read_shape(path: Path) -> tuple[int, ...]:
    """The shape that the header of such a file states; nothing else is read.

    Raises:
      DataError: the file cannot be read, or has no such header.
    """
    with _naming(path), _opened(path) as file:
        return _header(path, file)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise DataError(f"{path}: is cut short") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: is not a good gzip file: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def _opened(path: Path) -> BinaryIO:
    if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would never end
        raise DataError(f"{path}: is not a regular file")
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _header(path: Path, file: BinaryIO) -> tuple[int, ...]:
    head = file.read(4)
    if len(head) < 4:
        raise DataError(f"{path}: is not an idx file: it holds {len(head)} bytes")
    zeros, kind, dimensions = struct.unpack(">HBB", head)
    if zeros or not dimensions:
        raise DataError(f"{path}: is not an idx file: it starts with {head!r}")
    if kind != _UNSIGNED_BYTES:
        raise DataError(
            f"{path}: its elements are of type 0x{kind:02x}, not 0x08, unsigned bytes"
        )
    if dimensions > _MOST_DIMENSIONS:
        raise DataError(
            f"{path}: its header states {dimensions} dimensions; at most "
            f"{_MOST_DIMENSIONS} are read"
        )
    sizes = file.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise DataError(f"{path}: is cut short within its header")
    return struct.unpack(f">{dimensions}I", sizes)


def _read(path: Path, file: BinaryIO) -> np.ndarray:
    """Reads no more than the header states and a byte: little may unpack to much."""
    shape = _header(path, file)
    stated, start = math.prod(shape), 4 + 4 * len(shape)
    what = f"its header states {' x '.join(map(str, shape))} elements"
    most = os.stat(path).st_size * (_DEFLATED if path.suffix == ".gz" else 1)
    # Where one is 0 the file bounds none of the others, but NumPy does.
    if math.prod(size or 1 for size in shape) > (most if stated else sys.maxsize):
        raise DataError(
            f"{path}: {what}, {start + stated} bytes with the header, more than it can "
            "hold"
        )
    elements = file.read(stated + 1)
    if len(elements) < stated:
        raise DataError(
            f"{path}: holds {start + len(elements)} bytes, but {what}, "
            f"{start + stated} bytes with the header"
        )
    if len(elements) > stated:
        raise DataError(
            f"{path}: {what}, {start + stated} bytes with the header, but it holds more"
        )
    return np.frombuffer(elements, np.uint8).reshape(shape)

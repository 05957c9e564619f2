"""The idx format, in which MNIST and its successors are published."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from ganjax.data.files import DataError

_UNSIGNED_BYTES = 0x08


def read_idx(path: Path) -> np.ndarray:
    """The array in an idx file of unsigned bytes, gzipped if the name ends with `.gz`.

    The layout, big-endian: two zero bytes, one for the type of the elements, one for
    the number of dimensions; four bytes per dimension; the elements.

    Returns:
      uint8, of the shape that the header states; read-only.

    Raises:
      DataError: the file cannot be read, or is not, byte for byte, such a file.
    """
    content = _content(path)
    if len(content) < 4:
        raise DataError(f"{path}: is not an idx file: it holds {len(content)} bytes")
    zeros, kind, dimensions = struct.unpack_from(">HBB", content)
    if zeros or not dimensions:
        raise DataError(f"{path}: is not an idx file: it starts with {content[:4]!r}")
    if kind != _UNSIGNED_BYTES:
        raise DataError(
            f"{path}: its elements are of type 0x{kind:02x}, not 0x08, unsigned bytes"
        )
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise DataError(f"{path}: is cut short within its header")
    shape = struct.unpack_from(f">{dimensions}I", content, 4)
    stated = start + math.prod(shape)
    if len(content) != stated:
        raise DataError(
            f"{path}: holds {len(content)} bytes, but its header states "
            f"{' x '.join(map(str, shape))} elements, {stated} bytes with the header"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        if path.suffix != ".gz":
            return path.read_bytes()
        with gzip.open(path) as file:
            return file.read()
    except EOFError as error:
        raise DataError(f"{path}: is cut short") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: is not a good gzip file: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error

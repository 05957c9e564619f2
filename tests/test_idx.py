"""The idx format: what is written is read, and every damage is named."""

import gzip
import os
import re
import struct
import tracemalloc

import numpy as np
import pytest

from ganjax.data import DataError
from ganjax.data.idx import read_idx


def idx_bytes(array, kind=0x08):
    header = struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape)
    return header + array.tobytes()


IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
GOOD = idx_bytes(IMAGES)


def test_layout_by_hand():
    # Magic 2051 = 0x0803: unsigned bytes, three dimensions; 2, 3 and 4.
    assert GOOD[:16].hex() == "00000803" + "00000002" + "00000003" + "00000004"
    assert GOOD[16:] == bytes(range(24))


@pytest.mark.parametrize("shape", [(5,), (0,), (300,), (2, 3, 4), (0, 28, 28), (1, 1)])
@pytest.mark.parametrize("packed", [True, False])
def test_round_trip(shape, packed, tmp_path):
    array = np.arange(np.prod(shape)).astype(np.uint8).reshape(shape)
    content = idx_bytes(array)
    path = tmp_path / ("file.gz" if packed else "file")
    path.write_bytes(gzip.compress(content) if packed else content)
    read = read_idx(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, array, strict=True)


def flipped(content, place):
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


PACKED = gzip.compress(GOOD)

BAD = {
    "empty": ("x", b"", "is not an idx file: it holds 0 bytes"),
    "empty-packed": ("x.gz", b"", "is not an idx file: it holds 0 bytes"),
    "stub": ("x", GOOD[:3], "is not an idx file: it holds 3 bytes"),
    "page": ("x", b"<html>", "is not an idx file: it starts with b'<htm'"),
    "little-endian": ("x", b"\3\x08\0\0" + GOOD[4:], "it starts with"),
    "scalar": ("x", b"\0\0\x08\0\1", "it starts with"),
    "floats": ("x", idx_bytes(IMAGES, 0x0D), "of type 0x0d, not 0x08"),
    "header": ("x", GOOD[:15], "is cut short within its header"),
    # 24 bytes of elements, 4 + 3 * 4 of header.
    "short": ("x", GOOD[:-1], "39 bytes, but its header states 2 x 3 x 4 elements, 40"),
    "long": (
        "x",
        GOOD + b"\0",
        "states 2 x 3 x 4 elements, 40 bytes with the header, but",
    ),
    "many-dimensions": (
        "x",
        b"\0\0\x08\x41" + b"\0\0\0\1" * 65 + b"x",
        "65 dimensions",
    ),
    "all-dimensions": ("x", b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"x", "255 dim"),
    "nothing-of-much": (
        "x",
        b"\0\0\x08\3" + b"\0" * 4 + b"\xff" * 8,
        "than it can hold",
    ),
    "stated-bomb": ("x.gz", gzip.compress(GOOD[:4] + b"\x7f\0\0\0" * 3), "it can hold"),
    "huge": ("x", GOOD[:4] + b"\xff" * 12, "states 4294967295 x 4294967295 x"),
    "not-packed": ("x.gz", GOOD, "is not a good gzip file"),
    "packed-unnamed": ("x", PACKED, "is not an idx file: it starts with b'\\x1f\\x8b"),
    "packed-header": ("x.gz", PACKED[:8], "is cut short"),
    "packed-short": ("x.gz", PACKED[:-12], "is cut short"),
    "packed-sum": ("x.gz", PACKED[:-1], "is cut short"),
    "packed-wrong-sum": ("x.gz", flipped(PACKED, -8), "is not a good gzip file: CRC"),
    "packed-damaged": ("x.gz", flipped(PACKED, 10), "is not a good gzip file"),
    "packed-trailing": ("x.gz", PACKED + b"more", "is not a good gzip file"),
}


@pytest.mark.parametrize(("name", "content", "words"), BAD.values(), ids=BAD)
def test_damage_is_named_in_one_line(name, content, words, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=re.escape(words)) as caught:
        read_idx(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_bomb_is_not_unpacked_beyond_what_its_header_states(tmp_path):
    # 50 MB of zeros behind 24 elements, in 50 KB.
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(GOOD + bytes(50_000_000), compresslevel=1))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"40 bytes with the header, but it holds more"):
        read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x")
    with pytest.raises(DataError, match=r"x: is not a regular file"):
        read_idx(tmp_path / "x")


@pytest.mark.parametrize("name", ["x", "x.gz"])
def test_unreadable(name, tmp_path):
    with pytest.raises(DataError, match=r"x.*: cannot be read: No such file"):
        read_idx(tmp_path / name)

"""Sample pictures as data URIs that fit into a page."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

MAX_EARLIER = 12
BUDGET = 2_400_000  # bytes of all pictures of a page; base64 adds a third
_UNREADABLE = (UnidentifiedImageError, SyntaxError, Image.DecompressionBombError)
_MAX_SIDE = 1280  # of a picture that has to be encoded anew


class Picture(NamedTuple):
    """One picture of a run, ready for `<img src>`."""

    step: int
    uri: str
    width: int  # of the file, before any reduction
    height: int
    is_reduced: bool


def load(found: list[tuple[int, Path]], budget: int) -> list[Picture]:
    """Up to `MAX_EARLIER` evenly spaced pictures and the newest, within `budget` bytes.

    A third of the budget is the newest picture's. Unreadable files are passed over.
    """
    readable = [(step, path) for step, path in found if _is_picture(path)]
    if not readable:
        return []
    *earlier, newest = readable
    spaced = np.linspace(0, len(earlier) - 1, min(MAX_EARLIER, len(earlier)))
    chosen = [earlier[index] for index in spaced.round().astype(int).tolist()]
    pictures = [_encode(one, budget * 2 // (3 * len(chosen))) for one in chosen]
    return [*pictures, _encode(newest, budget // 3)]


def load_newest(found: list[tuple[int, Path]], budget: int) -> Picture | None:
    """The newest readable picture within `budget` bytes; None where there is none."""
    readable = (one for one in reversed(found) if _is_picture(one[1]))
    newest = next(readable, None)
    return None if newest is None else _encode(newest, budget)


def _is_picture(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            image.verify()
    except (*_UNREADABLE, OSError):
        return False
    return True


def _encode(found: tuple[int, Path], budget: int) -> Picture:
    step, path = found
    data = path.read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        size = image.size
        if len(data) <= budget:
            return Picture(step, _uri("png", data), *size, is_reduced=False)
        pixels = image.convert("RGB")
    side = min(_MAX_SIDE, max(size))
    data = _jpeg(pixels, side)
    while len(data) > budget and side > 64:
        side = side * 4 // 5
        data = _jpeg(pixels, side)
    return Picture(step, _uri("jpeg", data), *size, is_reduced=True)


def _jpeg(pixels: Image.Image, side: int) -> bytes:
    reduced = pixels.copy()
    reduced.thumbnail((side, side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    reduced.save(stream, "JPEG", quality=88, optimize=True)
    return stream.getvalue()


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"

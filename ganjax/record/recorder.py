"""Writes the metrics and pictures of one run while it trains. No jax."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ganjax.record.events import EventFiles
from ganjax.record.files import strict_json, write_bytes
from ganjax.record.png import png_bytes
from ganjax.record.records import describe_damage, read_records

_STEP_OF_IMAGE = re.compile(r"_(\d{8,})\.png$")


class Recorder:
    """Writes metrics and images of one run, as files and for TensorBoard.

    It opens `metrics.jsonl`, `events/` and `samples/` of a run that starts or resumes
    at `step`. What an earlier process recorded beyond `step` is dropped, because the
    run takes those steps again.

    Attributes:
      seconds: training time up to `step`, as the last kept record has it, or 0.0.
      names: of all that was recorded of `step` itself.
    """

    def __init__(self, workdir: str | Path, *, step: int = 0) -> None:
        metrics = Path(workdir, "metrics.jsonl")
        self._samples = Path(workdir, "samples")
        records, damaged = read_records(workdir)
        if damaged:
            print(f"{describe_damage(workdir, damaged)}; dropped", file=sys.stderr)
        kept = [r for r in records if r.values["step"] <= step]
        self.seconds = float(kept[-1].values.get("seconds") or 0.0) if kept else 0.0
        self.names = {x for r in kept if r.values["step"] == step for x in r.values}
        write_bytes(metrics, b"".join(r.line for r in kept))
        for path in self._samples.glob("*.png"):
            drawn = _STEP_OF_IMAGE.search(path.name)
            if drawn and int(drawn[1]) > step:
                path.unlink()
        self._metrics = metrics.open("ab", buffering=0)
        self._events = EventFiles(Path(workdir, "events"), step=step)

    def scalars(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Appends one record; values that are not finite are null in `metrics.jsonl`.

        `seconds` is the run's whole training time, that of earlier processes included.
        Raises `OSError` when that fails; no part of the line is left then.
        """
        values = {name: float(value) for name, value in values.items()}
        record = {"step": int(step), "seconds": round(float(seconds), 3), **values}
        line = strict_json(record)
        end = self._metrics.seek(0, os.SEEK_END)
        try:
            while line:
                line = line[self._metrics.write(line) :]
        except OSError:
            self._metrics.truncate(end)
            raise
        self._events.scalars(step, values)

    def image(self, step: int, name: str, pixels: np.ndarray) -> None:
        """Writes `samples/<name>_<step>.png`; uint8 `[H, W, 3]`, `[H, W, 1]`, `[H, W]`.

        Raises `ValueError` for other pixels, or for a name with a slash in it.
        """
        if "/" in name:
            raise ValueError(f"the name of an image is part of a file's name: {name!r}")
        png = png_bytes(pixels)
        write_bytes(self._samples / f"{name}_{step:08d}.png", png)
        self._events.image(step, name, png, *pixels.shape[:2])

    def close(self) -> None:
        """Flushes and closes the files."""
        self._metrics.close()
        self._events.close()

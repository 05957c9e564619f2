"""TensorBoard's event files. The only importer of tensorboardX."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FLUSH_SECONDS = 5.0  # a flush is an fsync: too slow to do at every record


class EventFiles:
    """Writes the curves and images of a run that starts or resumes at `step`.

    All is written on the caller's thread, and a failure is the caller's `OSError`.
    tensorboardX's own `SummaryWriter` has a thread for it, which a full disk kills;
    training would then wait forever on that thread's full queue.
    """

    def __init__(self, folder: Path, *, step: int) -> None:
        # Imported late: who only reads records need not wait for it.
        from tensorboardX import event_file_writer
        from tensorboardX.proto import event_pb2, summary_pb2

        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        folder.mkdir(parents=True, exist_ok=True)
        # Names hold the second only: two files of one second need something more.
        suffix = f".{sum(1 for _ in folder.iterdir()):04d}"
        self._writer = event_file_writer.EventsWriter(str(folder / "events"), suffix)
        # At this mark readers forget what earlier files say of any later step.
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(step=step + 1, session_log=start)
        self.flush()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes one point of each named curve, NaN and infinities included."""
        value = self._summary.Value
        pairs = [value(tag=name, simple_value=x) for name, x in values.items()]
        self._write(step=step, summary=self._summary(value=pairs))
        if time.monotonic() >= self._flushed + _FLUSH_SECONDS:
            self.flush()

    def image(self, step: int, name: str, png: bytes, height: int, width: int) -> None:
        """Writes one picture, given as the bytes of its PNG file."""
        image = self._summary.Image(
            encoded_image_string=png, height=height, width=width, colorspace=3
        )
        value = self._summary.Value(tag=name, image=image)
        self._write(step=step, summary=self._summary(value=[value]))
        self.flush()

    def flush(self) -> None:
        """Brings all that was written to the disk."""
        self._writer.flush()
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Flushes and closes the file."""
        self._writer.close()

    def _write(self, **fields: Any) -> None:
        self._writer.write_event(self._event(wall_time=time.time(), **fields))

"""Asks for a run to be saved and ended when its process is told to stop."""

import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class StopRequest:
    """While open, turns the first stop signal into `requested`; a second one kills.

    SIGUSR1 is what a batch system sends some time before its limit. With several
    processes JAX itself watches SIGTERM, so that all stop after the same step, and a
    handler of ours would disable that: there SIGUSR1 is passed on as SIGTERM.
    """

    def __init__(self, *, processes: int) -> None:
        self.requested = False
        handlers = dict.fromkeys(_SIGNALS, self._request)
        self._handlers = handlers if processes == 1 else {signal.SIGUSR1: _pass_on}
        self._previous: dict[signal.Signals, Callable | int | None] = {}

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        self._restore()

    def _restore(self) -> None:
        for name, handler in self._previous.items():
            signal.signal(name, handler)
        self._previous = {}

    def __enter__(self) -> Self:
        """Installs the handlers."""
        for name, handler in self._handlers.items():
            self._previous[name] = signal.signal(name, handler)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Puts the previous handlers back."""
        self._restore()


def _pass_on(number: int, frame: FrameType | None) -> None:
    os.kill(os.getpid(), signal.SIGTERM)

"""Ends a process that is told to stop, and lets a training save before. No jax."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from ganjax.command.exits import Exit

_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class StopRequest:
    """The first stop signal ends the process, or is noted where that is put off.

    SIGUSR1 is what a batch system sends some time before its limit. A second signal
    kills. One that is ignored, as by nohup, stays so.

    Attributes:
      requested: whether a signal has come.
      last_words: is called before the process ends.
    """

    def __init__(self) -> None:
        self.requested = False
        self.last_words: Callable[[], object] = lambda: None
        self._is_put_off = False
        self._lives_on = False
        self._heeded: dict[int, Any] = {}  # and who handles the signal after that

    def install(self) -> None:
        """Heeds signals from now on, to the end of the process."""
        self._install(_SIGNALS, self._request)

    def share(self) -> None:
        """Leaves the signals to JAX, under which several processes run.

        It watches SIGTERM itself, so that all stop after the same step, and a handler
        of ours would disable that: other signals are passed on as SIGTERM.
        """
        for number in self._heeded:
            if number != signal.SIGTERM:
                signal.signal(number, _pass_on)

    def close(self) -> None:
        """Ignores signals from now on: all is done, and the exit code stands.

        While it ends, Python gives each signal back its default, which is to kill.
        """
        for number in self._heeded:
            signal.signal(number, signal.SIG_IGN)

    @contextmanager
    def heed_interrupt(self) -> Iterator[None]:
        """Heeds Ctrl-C while open, in a process that lives on.

        The first is a `KeyboardInterrupt`, or noted where that is put off; the next is
        whatever it was before, and so are all later. Python gives signals to the main
        thread: in another one nothing is heeded.
        """
        before = signal.getsignal(signal.SIGINT)
        if before is None or threading.current_thread() is not threading.main_thread():
            yield
            return
        self._lives_on = True
        self._install((signal.SIGINT,), self._request, after=before)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    @contextmanager
    def put_off(self) -> Iterator[None]:
        """Only notes a signal while open, so that what it holds comes to its end."""
        self._is_put_off = True
        try:
            yield
        finally:
            self._is_put_off = False

    def check(self) -> None:
        """Ends the process, or what an interrupt ends, if a signal has come."""
        if self.requested:
            self._leave()

    def _install(
        self,
        numbers: Sequence[int],
        handler: Callable[[int, FrameType | None], None],
        after: Any = signal.SIG_DFL,
    ) -> None:
        heeded = [x for x in numbers if signal.getsignal(x) != signal.SIG_IGN]
        self._heeded = dict.fromkeys(heeded, after)
        for number in self._heeded:
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        for heeded, after in self._heeded.items():
            signal.signal(heeded, after)
        if not self._is_put_off:
            self._leave()

    def _leave(self) -> NoReturn:
        if self._lives_on:
            raise KeyboardInterrupt
        # An exception could be raised in a callback that Python or JAX makes, which
        # prints it and continues.
        with suppress(Exception):
            self.last_words()
            sys.stdout.flush()
        os._exit(Exit.STOPPED)


def _pass_on(number: int, frame: FrameType | None) -> None:
    # A second Ctrl-C kills; the first reaches all processes of a terminal.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)

"""How far a run is, on standard error: for the person who waits for it."""

from __future__ import annotations

import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from io import StringIO
from itertools import islice
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

_VALUES = 4  # shown of those that are passed in
_WINDOW = 30.0  # seconds that the rate is taken over
_BAR_INTERVAL = 0.2  # seconds between two drawings of the bar
_BAR_WIDTH = 100  # columns at most
_NOTEBOOK = "ZMQInteractiveShell"  # what IPython calls itself there


class Progress:
    """Shows steps done, steps per second, time left and a few values of a run.

    On a terminal, and in a notebook, it is a bar above a line of values. Elsewhere it
    is plain lines: one for the first update, then one every `interval` seconds at most,
    and always one for the last update.

    The rate is counted from the first update on, so that neither the steps before
    `start` are in it nor the time that compiling the first ones took.
    """

    def __init__(self, steps: int, *, start: int = 0, interval: float = 10.0) -> None:
        self._steps = steps
        self._interval = interval
        self._step = start
        self._time = 0.0
        self._values: Mapping[str, float] = {}
        self._shown: deque[tuple[float, int]] = deque()  # (time, step), within _WINDOW
        self._live: Live | _Cell | None = None

    def __enter__(self) -> Self:
        """Draws the bar, where there is a terminal or a notebook for it."""
        if _in_notebook():
            self._interval = _BAR_INTERVAL
            self._live = _Cell(lambda: self._bar(_BAR_WIDTH))
        elif sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
            self._interval = _BAR_INTERVAL
            self._live = self._open_bar()
        return self

    def __exit__(self, *_: object) -> None:
        """Shows the last update, where that was not done yet."""
        if self._shown and self._shown[-1] != (self._time, self._step):
            self._show()
        if self._live is not None:
            self._live.stop()

    def update(self, step: int, values: Mapping[str, float]) -> None:
        """Tells that `step` steps are done; shows the first four of `values`."""
        self._step, self._values, self._time = step, values, time.monotonic()
        if not self._shown or self._time >= self._shown[-1][0] + self._interval:
            self._show()

    def _show(self) -> None:
        self._shown.append((self._time, self._step))
        while len(self._shown) > 2 and self._shown[1][0] <= self._time - _WINDOW:
            self._shown.popleft()
        if self._live is not None:
            self._live.refresh()
        else:
            words = [f"step {self._count()}", *self._pace(), *self._texts()]
            print("  ".join(words), file=sys.stderr, flush=True)

    def _open_bar(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True)
        live = Live(
            console=console,
            get_renderable=lambda: self._bar(console.width),
            auto_refresh=False,
            # Output that goes into a file must still go there.
            redirect_stdout=sys.stdout.isatty(),
        )
        live.start(refresh=True)
        return live

    def _bar(self, width: int) -> Group:
        """A line of progress and one of values, `width` columns wide at most."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        words = [self._count(), *self._pace()]
        bar = ProgressBar(self._steps, self._step)
        row = Table.grid(*words, "", padding=(0, 2, 0, 0))
        row.width = min(width, _BAR_WIDTH)
        row.columns[-1].ratio = 1
        row.add_row(*words, bar)
        line = ""
        for text in self._texts():
            longer = f"{line}   {text}".lstrip()
            line = longer if len(longer) <= width else line
        return Group(row, Text(line, no_wrap=True))

    def _count(self) -> str:
        return f"{self._step}/{self._steps}"

    def _pace(self) -> list[str]:
        """Rate and time left, once two updates have told them."""
        if not self._shown:
            return []
        (since, first), (until, last) = self._shown[0], self._shown[-1]
        if until <= since or last <= first:
            return []
        rate = (last - first) / (until - since)
        minutes, seconds = divmod(round((self._steps - last) / rate), 60)
        hours, minutes = divmod(minutes, 60)
        left = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
        speed = f"{rate:.0f}" if rate >= 100 else f"{rate:.3g}"
        return [f"{speed} steps/s", f"left {left}:{seconds:02d}"]

    def _texts(self) -> list[str]:
        values = islice(self._values.items(), _VALUES)
        return [f"{name} {_short(float(value))}" for name, value in values]


class _Cell:
    """A place below a notebook's cell, for something that is drawn anew."""

    def __init__(self, draw: Callable[[], Group]) -> None:
        from IPython.display import display

        self._draw = draw
        self._handle = display(self._drawn(), raw=True, display_id=True)

    def refresh(self) -> None:
        """Draws it as it is now."""
        self._handle.update(self._drawn(), raw=True)

    stop = refresh

    def _drawn(self) -> dict[str, str]:
        """As text and as HTML, of which the notebook's page shows one."""
        from rich.console import Console

        console = Console(
            file=StringIO(), record=True, width=_BAR_WIDTH, force_jupyter=False
        )
        console.print(self._draw())
        frame = '<pre style="line-height: 1.2">{code}</pre>'
        html = console.export_html(inline_styles=True, code_format=frame, clear=False)
        return {"text/html": html, "text/plain": console.export_text()}


def _in_notebook() -> bool:
    python = sys.modules.get("IPython")
    return python is not None and type(python.get_ipython()).__name__ == _NOTEBOOK


def _short(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "nan"

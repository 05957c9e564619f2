"""Shows a sweep while it runs: a table that fits the terminal, or plain lines."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Self

from launch.runs import View

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

_INTERVAL = 0.5  # seconds between two drawings of the table
_SUMMARY_INTERVAL = 30.0  # seconds between two plain summaries
_ORDER = (
    *("done", "running", "waiting", "paused", "lost", "preempted", "stopped"),
    *("diverged", "failed", "refused", "unreadable"),
)
_NARROWEST, _OTHERS = 12, 54  # columns of a run's name at least, of the rest
_STYLES = {
    "running": "cyan",
    "done": "green",
    "diverged": "yellow",
    "failed": "red",
    "refused": "red",
}

TITLES = ("run", "state", "step", "steps/s", "measure", "")

Views = Mapping[str, View]  # by folder, in the order of the sweep


class Screen:
    """Shows how the runs of a sweep stand, on standard error; a context manager."""

    def __init__(self, title: str, views: Views) -> None:
        self._title = title
        self._known = {folder: view.state for folder, view in views.items()}
        self._views = views
        self._ended: list[str] = []  # folders, newest first
        self._began = time.monotonic()
        self._first_step = _steps_done(views)
        self._shown = self._began
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Draws the table, where there is a terminal for it."""
        if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
            self._live = self._open_table()
        else:
            self.say(self._summary())
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves the last table on the terminal."""
        if self._live is not None:
            self._live.refresh()
            self._live.stop()

    def is_due(self) -> bool:
        """Whether it is time to look at the running ones again."""
        interval = _SUMMARY_INTERVAL if self._live is None else _INTERVAL
        return time.monotonic() >= self._shown + interval

    def update(self, views: Views) -> None:
        """Tells how the runs stand now."""
        self._views = views
        for folder, view in views.items():
            if view.state != self._known[folder]:
                self._known[folder] = view.state
                if view.state not in ("running", "waiting"):
                    self._ended = [folder, *(x for x in self._ended if x != folder)]
                if self._live is None:
                    self.say(f"{folder}: {describe(view)}")
        if self.is_due():
            self._shown = time.monotonic()
            if self._live is None:
                self.say(self._summary())
            else:
                self._live.refresh()

    def _summary(self) -> str:
        return "; ".join(summary(self._title, self._views, self._left()))

    def say(self, line: str) -> None:
        """Prints a line, above the table where there is one."""
        print(line, file=sys.stderr, flush=True)

    def _left(self) -> float | None:
        """Seconds left, at the pace since this screen was opened."""
        taken = _steps_done(self._views) - self._first_step
        elapsed = time.monotonic() - self._began
        missing = sum(
            view.steps - view.step
            for view in self._views.values()
            if view.state not in ("done", "diverged", "lost", "failed")
        )
        return missing * elapsed / taken if taken > 0 else None

    def _open_table(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True)
        live = Live(
            console=console,
            get_renderable=lambda: table(
                summary(self._title, self._views, self._left()),
                self._views,
                self._ended,
                width=console.width,
                # The line that the cursor stands in is the terminal's too.
                height=console.height - 1,
            ),
            auto_refresh=False,
        )
        live.start(refresh=True)
        return live


def table(
    header: Sequence[str],
    views: Views,
    ended: Sequence[str],
    *,
    width: int,
    height: int,
) -> Group:
    """At most `height` lines: header, runs under way, then ended ones, newest first.

    `ended` are the folders that ended in this launch, newest first; those that ended
    before follow.
    """
    from rich.console import Group
    from rich.text import Text

    running = [folder for folder, view in views.items() if view.state == "running"]
    earlier = [f for f, v in views.items() if v.state not in ("running", "waiting")]
    order = dict.fromkeys([*running, *ended, *reversed(earlier)])
    shown = [folder for folder in order if views[folder].state != "waiting"]
    shown = shown[: max(0, height - len(header) - 1)]
    room = max(_NARROWEST, width - _OTHERS)
    names = [
        f if len(f) <= room else f"{f[: room - 1]}\N{HORIZONTAL ELLIPSIS}"
        for f in shown
    ]
    rows = [(name, *cells_of(views[f])) for name, f in zip(names, shown, strict=True)]
    lines = align([TITLES, *rows]).split("\n") if rows else []
    styles = ["", *(_STYLES.get(views[folder].state, "") for folder in shown)]
    styled = zip([*header, *lines], [*("bold" for _ in header), *styles], strict=False)
    texts = [Text(x, style, no_wrap=True, overflow="ellipsis") for x, style in styled]
    return Group(*texts[:height])


def summary(title: str, views: Views, left: float | None) -> tuple[str, str]:
    """Runs per state; overall progress and time left."""
    counts = Counter(view.state for view in views.values())
    states = [f"{counts[state]} {state}" for state in _ORDER if counts[state]]
    total = sum(view.steps for view in views.values())
    progress = f"steps {_short(_steps_done(views))}/{_short(total)}"
    return (
        f"{title}: {_runs(len(views))}, {', '.join(states)}",
        progress if left is None else f"{progress}, left {_clock(left)}",
    )


def describe(view: View) -> str:
    """How a run stands, in words."""
    state, step, rate, measure, message = cells_of(view)
    words = [f"{state} at {step}", f"{rate} steps/s" if rate else "", measure, message]
    return ", ".join(filter(None, words))


def cells_of(view: View) -> tuple[str, str, str, str, str]:
    """State, step, rate, key measure and message, as tables show them."""
    rate = "" if view.rate is None else f"{view.rate:.3g}"
    if view.rate is not None and view.rate >= 100:
        rate = f"{view.rate:.0f}"
    measure = "" if view.measure is None else f"{view.measure[0]} {view.measure[1]:.4g}"
    return view.state, f"{view.step}/{view.steps}", rate, measure, view.message


def align(rows: Iterable[Sequence[str]]) -> str:
    """Rows as lines of text whose columns stand below each other."""
    rows = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def _steps_done(views: Views) -> int:
    return sum(view.step for view in views.values())


def _runs(count: int) -> str:
    return f"{count} run{'s' * (count != 1)}"


def _short(count: int) -> str:
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= 10 * size:
            return f"{count / size:.1f}{letter}"
    return str(count)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"

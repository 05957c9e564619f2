import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
from types import SimpleNamespace

import pytest

from ganjax.record import progress


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=0.0)
    fake = SimpleNamespace(monotonic=lambda: now.seconds)
    monkeypatch.setattr(progress, "time", fake)
    return now


def on_terminal(script, columns):
    """What a program shows on a terminal, by drawing; and its standard output."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    variables = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    done = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script],
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
        env=variables | {"TERM": "xterm"},
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the terminal has no other end any more
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    output, _ = done.communicate()
    assert done.returncode == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode())
    return [line for line in re.split(r"[\r\n]+", text) if line.strip()], output


def test_plain_lines_come_first_at_intervals_and_last(clock, capsys):
    with progress.Progress(40_000, start=1000, interval=10.0) as shown:
        clock.seconds = 1000.0  # compiling
        for step in range(1100, 13_000, 100):
            shown.update(step, {"d/loss": 0.41234, "g/loss": step / 1000})
            clock.seconds += 0.2
    output, lines = capsys.readouterr()
    assert output == ""
    assert lines.splitlines() == [
        "step 1100/40000  d/loss 0.412  g/loss 1.1",
        "step 6100/40000  500 steps/s  left 1:08  d/loss 0.412  g/loss 6.1",
        "step 11100/40000  500 steps/s  left 0:58  d/loss 0.412  g/loss 11.1",
        "step 12900/40000  500 steps/s  left 0:54  d/loss 0.412  g/loss 12.9",
    ]


def test_the_last_update_is_shown_once_and_even_after_an_error(clock, capsys):
    with progress.Progress(2) as shown:
        shown.update(2, {})
    assert capsys.readouterr().err == "step 2/2\n"

    def stopped():
        with progress.Progress(9) as shown:
            for step in (1, 2, 3):
                clock.seconds += 1.0
                shown.update(step, {})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert capsys.readouterr().err == "step 1/9\nstep 3/9  1 steps/s  left 0:06\n"
    with progress.Progress(9):
        pass
    assert capsys.readouterr().err == ""


def test_the_rate_is_that_of_the_last_half_minute(clock, capsys):
    with progress.Progress(100_000, interval=10.0) as shown:
        step = 0
        for pace in [1000] * 10 + [10] * 3 + [1]:
            clock.seconds += 10.0
            step += pace * 10
            shown.update(step, {})
    rates = re.findall(r"\S+ steps/s", capsys.readouterr().err)
    # 340 = (1000 + 10 + 10) / 3, 7 = (10 + 10 + 1) / 3
    assert rates[8:] == ["1000 steps/s", *(f"{r} steps/s" for r in (670, 340, 10, 7))]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (100.0, "0.01 steps/s  left 2:46:40"),
        (1.0, "1 steps/s  left 1:40"),
        (0.08, "12.5 steps/s  left 0:08"),
        (0.0007, "1429 steps/s  left 0:00"),
        (10_000.0, "0.0001 steps/s  left 277:46:40"),
    ],
)
def test_rates_and_times_are_readable(clock, capsys, seconds, text):
    with progress.Progress(102) as shown:
        shown.update(1, {})
        clock.seconds = seconds
        shown.update(2, {})
    assert capsys.readouterr().err.splitlines()[-1] == f"step 2/102  {text}"


def test_four_values_are_shown_and_what_is_not_finite_as_nan(capsys):
    values = {"a": float("nan"), "b": float("inf"), "c": -1234.5, "d": 1e-5, "e": 1.0}
    with progress.Progress(1) as shown:
        shown.update(1, values)
    assert capsys.readouterr().err == "step 1/1  a nan  b nan  c -1.23e+03  d 1e-05\n"


@pytest.mark.parametrize(("columns", "names"), [(60, 2), (100, 3), (160, 4)])
def test_a_terminal_of_any_width_shows_two_whole_lines(columns, names):
    script = """if True:
        import time
        from ganjax.record.progress import Progress
        values = {
            "discriminator/loss": 0.25,
            "generator/loss": float("inf"),
            "discriminator/real_gradient": 0.0123,
            "generator/penalty": 2.0,
        }
        with Progress(1_000_000, start=123_456) as progress:
            progress.update(130_000, values)
            print("results go their own way")
            time.sleep(0.01)
            progress.update(140_000, values)
    """
    lines, output = on_terminal(script, columns)
    assert output == b"results go their own way\n"
    assert max(map(len, lines)) <= columns
    assert lines[0].startswith("123456/1000000")
    *_, bar, values = lines
    assert len(bar) == min(columns, 100)
    assert re.match(r"140000/1000000  \d+ steps/s  left 0:\d\d  \S*━{9}", bar)
    assert (
        values.split("   ")[:names]
        == [
            "discriminator/loss 0.25",
            "generator/loss nan",
            "discriminator/real_gradient 0.0123",
            "generator/penalty 2",
        ][:names]
    )
    assert len(values.split("   ")) == names

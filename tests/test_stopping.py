"""Signals: the first saves and ends, the second kills."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ganjax.record import files, lock
from ganjax.record.status import write_status
from ganjax.training import folder as folder_care

ROOT = Path(__file__).parents[1]

SCRIPT = """
import os, signal, sys
from ganjax.command.stopping import StopRequest
stop = StopRequest()
stop.last_words = lambda: print("saved")
stop.install()
number = signal.Signals[sys.argv[2]]
{}
print("end")
"""


def play(body, number):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(body), "x", number.name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout.split(), done.stderr


SIGNALS = [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT]


@pytest.mark.parametrize("number", SIGNALS)
def test_first_signal_ends_with_last_words(number):
    assert play("os.kill(os.getpid(), number)", number) == (75, ["saved"], "")


def test_exception_in_a_callback_does_not_keep_the_process_alive():
    body = """
import gc
gc.callbacks.append(lambda *_: os.kill(os.getpid(), number))
gc.collect()
"""
    assert play(body, signal.SIGTERM) == (75, ["saved"], "")


def test_what_is_put_off_comes_to_its_end():
    body = """
with stop.put_off():
    os.kill(os.getpid(), number)
    print(stop.requested)
print("after")
stop.check()
"""
    said = ["True", "after", "saved"]
    assert play(body, signal.SIGTERM) == (75, said, "")


@pytest.mark.parametrize("number", SIGNALS)
def test_second_signal_kills(number):
    body = """
with stop.put_off():
    os.kill(os.getpid(), number)
    os.kill(os.getpid(), number)
"""
    assert play(body, number) == (-number, [], "")


def test_ignored_signal_stays_ignored():
    body = """
signal.signal(number, signal.SIG_IGN)
stop.install()
os.kill(os.getpid(), number)
"""
    assert play(body, signal.SIGINT) == (0, ["end"], "")


@pytest.mark.parametrize("number", SIGNALS)
def test_at_the_end_the_exit_code_stands(number):
    body = """
import atexit
atexit.register(lambda: os.kill(os.getpid(), number))
stop.close()
os.kill(os.getpid(), number)
"""
    assert play(body, number) == (0, ["end"], "")


def test_a_command_holds_signals_to_its_last_line():
    script = """
import atexit, os, runpy, signal, sys
atexit.register(lambda: os.kill(os.getpid(), signal.SIGUSR1))
sys.argv[1:] = ["--help"]
runpy.run_module("ganjax.main", run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.DEVNULL, timeout=60
    )
    assert done.returncode == 0


def test_of_several_processes_jax_is_told():
    body = """
signal.signal(signal.SIGTERM, lambda *_: print("told"))  # as JAX does
stop.share()
os.kill(os.getpid(), number)
"""
    for number in (signal.SIGUSR1, signal.SIGINT):
        assert play(body, number) == (0, ["told", "end"], "")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("module", ["ganjax.main", "ganjax.report"])
def test_a_signal_during_the_imports_says_nothing(tmp_path, module):
    # Where the imports are over before this process has looked, it looks again.
    codes = [end_during_the_imports(tmp_path, module)]
    while codes[-1] == 2 and len(codes) < 20:
        codes.append(end_during_the_imports(tmp_path, module))
    assert codes[-1] == 75
    assert list(tmp_path.iterdir()) == []


def end_during_the_imports(tmp_path, module):
    """The exit code of a command that is told to stop once it heeds signals."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--workdir=run"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    caught = 1 << (signal.SIGUSR1 - 1)
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        fields = dict(x.split(":", 1) for x in status.read_text().splitlines())
        if int(fields.get("SigCgt", "0"), 16) & caught:
            process.send_signal(signal.SIGTERM)
            break
    said = process.communicate(timeout=60)
    assert process.returncode == 2 or said == ("", "")
    return process.returncode


@pytest.mark.parametrize("has_begun", [False, True])
def test_a_training_that_ends_at_once_frees_its_folder(tmp_path, has_begun):
    folder = tmp_path / "run"
    folder.mkdir()
    if has_begun:
        (folder / "checkpoints/20").mkdir(parents=True)
        (folder / "config.json").touch()
        write_status(folder, state="running", step=5, steps=30)
    with lock.hold(folder / lock.RUN, "a training"):
        folder_care.say_preempted(folder, "again")
        assert lock.read_owner(folder / lock.RUN) is None
    assert folder.exists() == has_begun
    if has_begun:
        status = files.read_json(folder / "status.json")
        assert (status["state"], status["step"]) == ("preempted", 20)

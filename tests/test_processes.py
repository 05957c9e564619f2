"""What keeps the suite from hanging: waits and processes of tests have an end."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from processes import PATIENCE, is_alive, wait_for

STUCK = """
import subprocess, sys, threading, time
from pathlib import Path

DEAF = '''
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) == 1 and os.fork() == 0:
    os.setsid()
print(os.getpid(), flush=True)
time.sleep(300)
'''

def test_waits_for_ever():
    threading.Thread(target=time.sleep, args=(300,), daemon=True).start()
    with open("processes.txt", "w") as file:
        options = {"stdout": file, "start_new_session": True}
        subprocess.Popen([sys.executable, "-c", DEAF], **options)
    while True:
        time.sleep(0.01)

def test_next():
    time.sleep(1)
    assert len(Path("processes.txt").read_text().split()) == 2
"""


def test_a_stuck_test_is_shown_and_leaves_no_process(tmp_path):
    (tmp_path / "test_stuck.py").write_text(STUCK)
    command = ("-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, *command, "--timeout=8", "test_stuck.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "Failed: Timeout (>8.0s)" in done.stdout
    # The other thread's stack too.
    assert "~ Stack of Thread-1" in done.stdout + done.stderr
    started = (tmp_path / "processes.txt").read_text().split()
    assert len(started) == 2
    assert not any(is_alive(int(process)) for process in started)


def test_a_process_that_nobody_waits_for_has_ended():
    process = subprocess.Popen([sys.executable, "-c", ""])
    assert is_alive(process.pid)
    wait_for(lambda: not is_alive(process.pid))
    process.wait()
    assert not is_alive(process.pid)


def test_waiting_ends_with_the_process_that_is_waited_for():
    script = "import sys; print('said'); sys.exit(3)"
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    )
    with pytest.raises(AssertionError, match="said"):
        wait_for(lambda: False, process)


def test_waiting_itself_has_an_end(monkeypatch):
    monkeypatch.setattr("processes.PATIENCE", 0.01)
    with pytest.raises(AssertionError, match="not so after"):
        wait_for(threading.Event().is_set)


def test_processes_of_a_suite_in_the_background_hear_signals():
    script = """if True:
        import signal, subprocess, sys
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does behind an &
        import processes
        processes.prepare()
        signal.raise_signal(signal.SIGINT)
        code = "import signal; signal.raise_signal(signal.SIGINT)"
        done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
        print(done.returncode)
    """
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == (f"-{signal.SIGINT.value}\n", "")

"""Locks on folders: of this host, of another, of the dead, and where there are none."""

import errno
import fcntl
import json
import os
import platform
import subprocess
import sys
import threading
import time

import pytest
from processes import PATIENCE, wait_for

from ganjax.config import ConfigError
from ganjax.record import lock


@pytest.fixture
def path(tmp_path):
    return tmp_path / lock.RUN


@pytest.fixture
def brief(monkeypatch):
    """Another host's lock is stale after a moment, and the user is told at once."""
    monkeypatch.setattr(lock, "STALE_SECONDS", 0.5)
    monkeypatch.setattr(lock, "_GRACE", 1)


def sign(path, process, hostname, age=0.0):
    path.write_text(json.dumps({"process": process, "hostname": hostname}))
    os.utime(path, (time.time() - age,) * 2)


def dead():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(PATIENCE)
    return process.pid


def take(path):
    with lock.hold(path, "a training"):
        assert lock.is_mine(path)


def refuses(path, owner):
    with pytest.raises(ConfigError) as raised:
        take(path)
    assert str(raised.value) == f"a training works on {path.parent}: {owner}"


def test_the_second_is_refused_and_changes_nothing(path):
    with lock.hold(path, "a training"):
        before = path.read_bytes(), path.stat().st_mtime_ns
        refuses(path, f"process {os.getpid()} on {platform.node()}")
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before
        assert os.listdir(path.parent) == [lock.RUN]
        assert lock.is_held(path)
    assert not lock.is_held(path)
    assert not lock.is_mine(path)
    take(path)


def test_a_lock_removed_by_who_held_it_is_made_anew(path, monkeypatch):
    def wait(file, *arguments):
        monkeypatch.undo()
        path.unlink()
        original(file, *arguments)

    original = lock._wait_for
    monkeypatch.setattr(lock, "_wait_for", wait)
    with lock.hold(path, "a training"):
        refuses(path, f"process {os.getpid()} on {platform.node()}")


def test_nobody_holds_what_is_not_there(path):
    assert not lock.is_held(path)
    assert not lock.is_mine(path)


def test_of_the_dead_it_is_taken_over_silently(path, capsys):
    sign(path, dead(), platform.node())
    take(path)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"process": null}'])
def test_a_damaged_signature_is_nobodys(path, text):
    path.write_text(text)
    take(path)


def test_of_another_host_it_is_taken_over_once_stale(path, capsys):
    sign(path, os.getpid(), "elsewhere", age=lock.STALE_SECONDS + 1)
    take(path)
    assert capsys.readouterr() == ("", "")


def test_of_another_host_it_is_waited_for(path, brief, capsys):
    sign(path, 7, "elsewhere")
    began = path.stat().st_mtime
    take(path)
    assert path.stat().st_mtime - began > 0.25
    (line,) = capsys.readouterr().err.splitlines()
    assert "a training, process 7 on elsewhere, held it: waiting" in line


def test_of_another_host_at_work_it_is_refused(path, capsys):
    sign(path, 7, "elsewhere", age=5)
    threading.Timer(0.3, os.utime, [path]).start()
    refuses(path, "process 7 on elsewhere")
    assert json.loads(path.read_text())["process"] == 7


def test_who_holds_it_touches_it(path, monkeypatch):
    monkeypatch.setattr(lock, "TOUCH_SECONDS", 0.01)
    with lock.hold(path, "a training"):
        os.utime(path, (0, 0))
        wait_for(lambda: path.stat().st_mtime > 0)


def test_without_locks_the_signature_is_what_counts(path, monkeypatch):
    def flock(file, kind):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    sign(path, os.getppid(), platform.node())
    refuses(path, f"process {os.getppid()} on {platform.node()}")
    assert lock.is_held(path)
    sign(path, dead(), platform.node())
    assert not lock.is_held(path)
    take(path)

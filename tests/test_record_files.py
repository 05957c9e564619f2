"""Files are written whole, and JSON is strict; what a kill leaves is told apart."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ganjax.record import files


def test_json_is_strict_and_keeps_the_order(tmp_path):
    value = {
        "z": np.float32(0.5),
        "a": (1, np.int64(2), np.bool_(True)),
        "lost": [float("nan"), np.float64("inf"), {"deep": -float("inf")}],
        "array": np.arange(4.0).reshape(2, 2),
        "text": "é",
    }
    files.write_json(tmp_path / "deep" / "x.json", value)
    assert "NaN" not in (tmp_path / "deep" / "x.json").read_text()
    back = files.read_json(tmp_path / "deep" / "x.json")
    assert list(back) == ["z", "a", "lost", "array", "text"]
    assert back == {
        "z": 0.5,
        "a": [1, 2, True],
        "lost": [None, None, {"deep": None}],
        "array": [[0.0, 1.0], [2.0, 3.0]],
        "text": "é",
    }
    assert type(back["a"][1]) is int


def test_json_is_indented_by_two(tmp_path):
    files.write_json(tmp_path / "x.json", {"a": [1]})
    assert (tmp_path / "x.json").read_text() == '{\n  "a": [\n    1\n  ]\n}\n'


def test_json_refuses_what_it_cannot_hold_and_leaves_the_file(tmp_path):
    files.write_json(tmp_path / "x.json", 1)
    with pytest.raises(TypeError):
        files.write_json(tmp_path / "x.json", {"a": object()})
    assert files.read_json(tmp_path / "x.json") == 1


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_failing_write_keeps_the_old_file_and_nothing_else(tmp_path, monkeypatch, call):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    files.write_bytes(tmp_path / "x", b"old")
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space"):
        files.write_bytes(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_kill_in_the_middle_of_a_write_keeps_the_old_file(tmp_path):
    files.write_bytes(tmp_path / "x", b"old")
    script = """if True:
        import os, sys
        from ganjax.record import files
        os.fsync = lambda _: os.kill(os.getpid(), 9)
        files.write_bytes(sys.argv[1], b"new")
    """
    command = [sys.executable, "-W", "error", "-c", script, str(tmp_path / "x")]
    done = subprocess.run(command, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "x").read_bytes() == b"old"


def test_our_own_unfinished_files_are_told_from_others(tmp_path):
    assert files.is_temporary(tmp_path / ".config.json.123.tmp")
    for name in ("x.tmp", ".x.tmp", "config.json.123.tmp", "config.json"):
        assert not files.is_temporary(tmp_path / name)


def test_what_the_dead_left_half_written_is_removed(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(60)
    ours = f".status.json.{process.pid}.tmp", f".config.json.{os.getpid()}.tmp"
    alive = f".report.html.{os.getppid()}.tmp"
    others = "x.tmp", ".x.tmp", ".status.json.7.tmp~", ".a.0.tmp", "a.7.tmp"
    for name in (*ours, alive, *others):
        (tmp_path / name).touch()
    assert all(files.is_temporary(Path(name)) for name in (*ours, alive))
    assert not any(files.is_temporary(Path(name)) for name in others)
    files.remove_temporary(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {alive, *others}
    files.remove_temporary(tmp_path / "nothing")


def test_a_kill_in_mid_write_leaves_what_is_known_as_temporary(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "replace", lambda source, _: seen.append(source.name))
    files.write_bytes(tmp_path / "samples" / "final.npz", b"")
    assert [files.is_temporary(Path(name)) for name in seen] == [True]

"""Slots that share cores and GPUs out, and runs as processes."""

import os

import pytest
from processes import wait_for

from launch import local
from launch.backend import Command
from launch.local import LocalBackend, Slot, find_gpus, make_slots


def cores_of(slots):
    assert all(slot.environment == {} for slot in slots)
    return [slot.cores for slot in slots]


def test_cores_are_shared_equally():
    cores = [0, 1, 2, 3, 6]
    assert cores_of(make_slots([], cores, None, 9)) == [(0,), (1,), (2,), (3,), (6,)]
    assert cores_of(make_slots([], cores, 2, 9)) == [(0, 1), (2, 3)]
    assert cores_of(make_slots([], cores, 9, 2)) == [(0, 1), (2, 3)]
    assert cores_of(make_slots([], [4, 5], 3, 9)) == [(4,), (5,), (4,)]


def test_without_affinity_there_are_slots_all_the_same(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert cores_of(make_slots([], [], None, 9)) == [(), (), ()]
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert local.find_cores() == []


def environments(*arguments):
    slots = make_slots(*arguments)
    assert all(slot.cores == () for slot in slots)
    return [slot.environment for slot in slots]


def test_gpus_are_shared_equally():
    def visible(*names):
        return [{"CUDA_VISIBLE_DEVICES": name} for name in names]

    assert environments(["0", "3"], [0], None, 9) == visible("0", "3")
    assert environments(["0", "3"], [0], None, 1) == visible("0")
    assert environments(["0", "1", "2", "3"], [0], 2, 9) == visible("0,1", "2,3")


def test_several_runs_on_a_gpu_share_its_memory():
    shared = environments(["0", "1"], [0], 4, 9)
    assert [x["CUDA_VISIBLE_DEVICES"] for x in shared] == ["0", "1", "0", "1"]
    # 0.9 of each GPU for two
    assert {x["XLA_PYTHON_CLIENT_MEM_FRACTION"] for x in shared} == {"0.45"}


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"CUDA_VISIBLE_DEVICES": "2,GPU-7"}, ["2", "GPU-7"]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, []),
        ({"CUDA_VISIBLE_DEVICES": "0", "JAX_PLATFORMS": "cpu"}, []),
        ({"CUDA_VISIBLE_DEVICES": "0", "JAX_PLATFORMS": "cuda,cpu"}, ["0"]),
        ({}, ["0", "1"]),  # as nvidia-smi lists them
    ],
)
def test_find_gpus(monkeypatch, tmp_path, variables, found):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: A'\necho ' MIG'\necho 'GPU 1: A'\n")
    program.chmod(0o755)
    for name in ("CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_gpus() == found


def test_there_is_no_gpu_without_its_tool(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_gpus() == []


def wait(backend, started):
    codes = []

    def ended():
        codes.append(backend.poll(started))
        return codes[-1] is not None

    wait_for(ended)
    return codes[-1]


def test_process_gets_its_share_and_its_log_grows(tmp_path):
    core = min(os.sched_getaffinity(0))
    backend = LocalBackend([Slot((core,), {"SHARE": "mine"})], kept=[])
    script = "import os; print(os.environ['SHARE'], *os.sched_getaffinity(0))"
    command = Command(["-c", f"{script}; raise SystemExit(7)"], tmp_path / "logs/a.log")
    for _ in range(2):
        assert wait(backend, backend.submit(command)) == 7
    assert command.log.read_text() == f"mine {core}\n" * 2


DEAF = """
import signal, time
signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))
print("ready", flush=True)
time.sleep(300)  # longer than anybody waits, and not for ever
"""


def read_until(log, text):
    wait_for(lambda: text in (log.read_text() if log.exists() else ""))


def test_first_cancel_asks_and_the_second_kills(tmp_path):
    backend = LocalBackend([Slot((), {})], kept=[])
    command = Command(["-c", DEAF], tmp_path / "a.log")
    started = backend.submit(command)
    read_until(command.log, "ready")
    backend.cancel(started)
    read_until(command.log, "asked")
    assert backend.poll(started) is None
    backend.cancel(started)
    assert wait(backend, started) == -9
    assert command.log.read_text() == "ready\nasked\nended by signal 9 (Killed)\n"


def test_process_has_a_session_of_its_own_and_the_kept_files(tmp_path):
    read, write = os.pipe()
    backend = LocalBackend([Slot((), {})], kept=[write])
    script = f"import os; os.write({write}, str(os.getsid(0) == os.getpid()).encode())"
    assert (
        wait(backend, backend.submit(Command(["-c", script], tmp_path / "a.log"))) == 0
    )
    assert os.read(read, 9) == b"True"
    os.close(read)
    os.close(write)

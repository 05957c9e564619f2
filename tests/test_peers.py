"""Several processes of one run: they come together, and none outlives another."""

import socket
import subprocess
import sys
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from ganjax.config import ConfigError
from ganjax.training.peers import PeerError, Peers

ROOT = Path(__file__).parents[1]

# What a process does is said on its standard input: the code it ends with, or nothing.
PROCESS = """
import sys
from ganjax.config import ConfigError
from ganjax.training.peers import Peers

def work():
    print("here", flush=True)
    code = int(sys.stdin.readline())
    if code == 2:
        raise ConfigError("a disk is full")
    if code == 1:
        raise ValueError("a bug")
    return code

peers = Peers(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), 60, "work")
code = peers.guard(work, lambda message: print(message, flush=True))
print(sys.stdin.readline(), end="")
sys.exit(code)
"""


@pytest.fixture
def address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def trio(address):
    """Three processes of one run that have come together."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, address, "3", str(number)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    try:
        for process in processes:
            assert process.stdout.readline() == "here\n"
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def join(address, count, number):
    """Comes together with the others and leaves again."""
    for line in Peers(address, count, number, 30, "work")._lines.values():
        line.close()


def say(process, words):
    process.stdin.write(f"{words}\n")
    process.stdin.flush()


def outcome(process):
    output, _ = process.communicate(timeout=60)
    return process.returncode, output.strip()


@pytest.mark.parametrize("victim", [0, 2])
def test_none_outlives_one_that_was_killed(trio, victim):
    trio[victim].kill()
    words = f"process {victim} is gone; run the same command again to resume"
    for number in {0, 1, 2} - {victim}:
        assert outcome(trio[number]) == (75, words)


def test_none_outlives_one_that_was_refused(trio):
    say(trio[1], 2)
    words = "process 1 ended with code 2, see its message"
    assert [outcome(trio[number]) for number in (0, 2)] == [(2, words)] * 2
    assert outcome(trio[1])[0] == 1  # the exception that nobody catches here


@pytest.mark.parametrize("code", [0, 3, 75])
def test_an_end_in_order_is_no_loss(trio, code):
    for number in (1, 0):
        say(trio[number], code)
        say(trio[number], f"{number} goes on")
    assert outcome(trio[1]) == (code, "1 goes on")
    assert outcome(trio[0]) == (code, "0 goes on")
    assert trio[2].poll() is None
    say(trio[2], code)
    say(trio[2], "2 goes on")
    assert outcome(trio[2]) == (code, "2 goes on")


def test_one_that_never_comes_is_named(address):
    with pytest.raises(PeerError, match="of 3 processes 1, 2 did not come to port"):
        Peers(address, 3, 0, 0.1, "work")
    with pytest.raises(PeerError, match=f"process 0 at {address} did not say within"):
        Peers(address, 2, 1, 0.5, "work")


def test_numbers_that_do_not_fit_together(address):
    with ThreadPoolExecutor() as pool:
        first = pool.submit(join, address, 2, 0)
        with pytest.raises(ConfigError, match="--num_processes: process 0 has 2"):
            join(address, 3, 2)
        with socket.create_connection(address.split(":")) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\n")
        join(address, 2, 1)
        first.result()


def test_a_number_that_two_have(address):
    with ThreadPoolExecutor() as pool:
        pool.submit(join, address, 3, 0)
        twins = [pool.submit(join, address, 3, 1) for _ in range(2)]
        wait(twins, timeout=30, return_when=FIRST_COMPLETED)
        join(address, 3, 2)
        errors = [twin.exception() for twin in twins if twin.exception()]
    assert [str(error) for error in errors] == ["--process_id: another is 1"]


def test_work_that_is_not_the_same(address):
    refused = "of 3 processes 1 were told other ones than process 0; those that train"
    with ThreadPoolExecutor() as pool:
        first = pool.submit(Peers, address, 3, 0, 30, "one")
        third = pool.submit(Peers, address, 3, 2, 30, "one")
        with pytest.raises(ConfigError, match=refused):
            Peers(address, 3, 1, 30, "other")
        for of_same in (first, third):
            assert isinstance(of_same.exception(), ConfigError)
            assert refused in str(of_same.exception())


def test_a_port_that_is_taken(address):
    host, port = address.split(":")
    with (
        socket.create_server((host, int(port))),
        pytest.raises(PeerError, match=f"cannot listen at port {port}: Address"),
    ):
        Peers(address, 2, 0, 1, "work")


@pytest.mark.parametrize("wrong", [None, "", "host", ":1", "host:", "host:0", "h:x"])
def test_an_address_that_is_none(wrong):
    with pytest.raises(ConfigError, match="--coordinator_address: write HOST:PORT"):
        Peers(wrong, 2, 0, 1, "work")

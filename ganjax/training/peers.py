"""The processes of one run: they meet at process 0, and notice who is gone. No jax.

JAX by itself dials through a proxy where one is set, aborts within milliseconds when
process 0 dies, and takes 100 seconds to miss any other. So each process holds a line, a
plain TCP connection, to process 0, which the kernel closes when either end dies; and
the others' JAX speaks to process 0 through a relay that does not pass on its end.
"""

import errno
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import NoReturn

from ganjax.command.exits import Exit
from ganjax.command.scheduler import parse_address
from ganjax.config import ConfigError
from ganjax.training.relay import relay, start

JOIN_SECONDS = 300.0  # that processes wait for each other at the start
_UNWIND_SECONDS = 10.0  # that a process which lost another has to come to its end
_SETTLE_SECONDS = 5.0  # until an error is known not to come of a lost process
_RETRY_SECONDS = 0.2
_GREETING_SECONDS = 5.0
# A host that lost its power says nothing: the kernel asks after 10 idle seconds, and
# then every 5, three times.
_KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}

# Codes that all processes end with together.
_IN_ORDER = tuple(str(int(x)) for x in (Exit.DONE, Exit.DIVERGED, Exit.STOPPED))


class PeerError(Exception):
    """The processes did not come together: one line, for the user; a passing fault."""


class Peers:
    """This process among `count` of one run, from the moment that all have come.

    `work` is a word for what they do, which must be the same for all.

    Raises:
      ConfigError: the address is none, or cannot be listened at; or the numbers of the
        processes, or what they were told to do, do not fit together.
      PeerError: after `seconds` some process has not come, or the port is taken.
    """

    def __init__(
        self, address: str | None, count: int, number: int, seconds: float, work: str
    ) -> None:
        host, port = checked(address, count, number)
        self._address, self._is_first = (host, port), number == 0
        self._lost: tuple[int, str] | None = None
        self._lock = threading.Lock()
        self._is_back = threading.Event()
        deadline = time.monotonic() + seconds
        if number == 0:
            self._lines = _gather(port, count, work, deadline, seconds)
        else:
            greeting = f"ganjax {number} {count} {work}\n"
            self._lines = {0: _greet(host, port, count, greeting, deadline, seconds)}

    def coordinator(self) -> str:
        """The address of JAX's coordinator, as it is to be given here."""
        host, port = self._address
        return f"127.0.0.1:{port}" if self._is_first else relay(host, port)

    def guard(self, work: Callable[[], int], on_lost: Callable[[str], object]) -> int:
        """Returns the exit code of `work()`, or ends the process when another is gone.

        Another is gone when it died, or ended with code 1 or 2. Then `on_lost(message)`
        is called, within 10 seconds in which `work` may come to its end, and the
        process ends with 75, or with the code of the other. A process that dies is
        noticed at once, a machine that does after 25 seconds.
        """
        self._on_lost = on_lost
        for number, line in self._lines.items():
            start(self._watch, number, line)
        try:
            code = work()
        except ConfigError:
            self._leave(Exit.REFUSED)
            raise
        except BaseException:
            # A collective fails a moment before or after the line does.
            self._leave(Exit.FAILED, after=_SETTLE_SECONDS)
            raise
        self._leave(code)
        return code

    def _leave(self, code: int, after: float = 0.0) -> None:
        """Tells the others that this process ends, unless it ends as another is gone.

        It stays on watch: at its end JAX waits for all others.
        """
        end = time.monotonic() + after
        while self._lost is None and time.monotonic() < end:
            time.sleep(0.05)
        if self._lost is not None:
            self._is_back.set()
            threading.Event().wait()  # the watch ends the process
        self._tell(str(code))

    def _tell(self, words: str) -> None:
        for line in self._lines.values():
            with suppress(OSError):
                line.sendall(f"{words}\n".encode())

    def _watch(self, number: int, line: socket.socket) -> None:
        try:
            words = _read_line(line)
        except OSError:
            words = ""
        code, _, message = words.partition(" ")
        if words in _IN_ORDER:
            return
        if not message:
            message = f"process {number} " + (
                f"ended with code {code}, see its message"
                if code
                else "is gone; run the same command again to resume"
            )
        with self._lock:
            if self._lost is None:
                self._lost = (int(code) if code.isdecimal() else Exit.STOPPED, message)
                self._end()

    def _end(self) -> NoReturn:
        assert self._lost is not None
        code, message = self._lost
        self._tell(f"{code} {message}")
        self._is_back.wait(_UNWIND_SECONDS)
        try:
            self._on_lost(message)
        finally:
            os._exit(code)


def checked(address: str | None, count: int, number: int) -> tuple[str, int]:
    """The host and port of process 0.

    Raises:
      ConfigError: the address is none, or the number out of range.
    """
    where = parse_address("--coordinator_address", address or "")
    if number >= count:
        raise ConfigError(f"--process_id: must be below {count}")
    return where


def _gather(
    port: int, count: int, work: str, deadline: float, seconds: float
) -> dict[int, socket.socket]:
    """The lines of all other processes, once each has said its number."""
    lines: dict[int, socket.socket] = {}
    works: dict[int, str] = {}
    both = socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server(
            ("", port),
            family=socket.AF_INET6 if both else socket.AF_INET,
            dualstack_ipv6=both,
        )
    except OSError as error:
        what = f"cannot listen at port {port}: {error.strerror}"
        if error.errno == errno.EADDRINUSE:  # for now, as by another run
            raise PeerError(what) from error
        raise ConfigError(f"--coordinator_address: {what}") from error
    with listener:
        while len(lines) < count - 1:
            listener.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                line, _ = listener.accept()
            except TimeoutError:
                break
            _admit(line, lines, works, count)
    absent = [str(n) for n in range(1, count) if n not in lines]
    if absent:
        for line in lines.values():
            line.close()
        raise PeerError(
            f"of {count} processes {', '.join(absent)} did not come to port {port} "
            f"within {seconds:.0f} s"
        )
    others = ", ".join(str(n) for n in sorted(lines) if works[n] != work)
    answer = (
        f"--config, --workdir: of {count} processes {others} were told other ones than "
        "process 0; those that train runs of their own need --distributed=off"
    )
    for line in lines.values():
        with suppress(OSError):
            line.sendall(f"{answer if others else 'go'}\n".encode())
    if others:
        for line in lines.values():
            line.close()
        raise ConfigError(answer)
    return lines


def _admit(
    line: socket.socket,
    lines: dict[int, socket.socket],
    works: dict[int, str],
    count: int,
) -> None:
    line.settimeout(_GREETING_SECONDS)
    try:
        words = _read_line(line).split()
        if words[:1] != ["ganjax"]:
            raise OSError("a stranger")
        number, their_count, work = int(words[1]), int(words[2]), words[3]
        if their_count != count:
            line.sendall(f"--num_processes: process 0 has {count}\n".encode())
        elif number in lines and not _is_closed(lines[number]):
            line.sendall(f"--process_id: another is {number}\n".encode())
        else:
            lines[number], works[number] = _kept(line), work
            return
    except (OSError, ValueError, IndexError):
        pass
    line.close()


def _greet(
    host: str, port: int, count: int, greeting: str, deadline: float, seconds: float
) -> socket.socket:
    """The line to process 0, once that says that all have come."""
    while (left := deadline - time.monotonic()) > 0:
        answer = ""
        with suppress(OSError), ExitStack() as unless_all_came:
            line = socket.create_connection((host, port), timeout=left)
            unless_all_came.callback(line.close)
            line.sendall(greeting.encode())
            answer = _read_line(line)
            if answer == "go":
                unless_all_came.pop_all()
                return _kept(line)
        if answer.startswith("--"):
            raise ConfigError(answer)
        time.sleep(_RETRY_SECONDS)
    raise PeerError(
        f"process 0 at {host}:{port} did not say within {seconds:.0f} s that all "
        f"{count} processes have come"
    )


def _kept(line: socket.socket) -> socket.socket:
    """The same line, whose end is noticed also where the other's machine is down."""
    line.settimeout(None)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return line


def _is_closed(line: socket.socket) -> bool:
    line.setblocking(False)
    try:
        return not line.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        line.setblocking(True)


def _read_line(line: socket.socket) -> str:
    """What the other end says up to a newline; "" where it closes before."""
    words = b""
    while not words.endswith(b"\n"):
        byte = line.recv(1)
        if not byte or len(words) > 1_000:
            return ""
        words += byte
    return words.decode(errors="replace").strip()

"""A relay of connections that does not pass on their end. No jax."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

_OPENING_SECONDS = 300.0  # that the other side may take to listen
_DIAL_SECONDS = 5.0
_RETRY_SECONDS = 0.2


def relay(host: str, port: int) -> str:
    """Opens an address of this machine whose connections go to `host:port` and back.

    That the other end closed one is not passed on: it seems silent.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            inner, _ = listener.accept()
            try:
                outer = _dial(host, port, time.monotonic() + _OPENING_SECONDS)
            except OSError:
                inner.close()
                continue
            start(_pump, inner, outer)
            start(_pump_and_hold, outer, inner)

    start(accept)
    return f"127.0.0.1:{listener.getsockname()[1]}"


def _dial(host: str, port: int, deadline: float) -> socket.socket:
    """Process 0 opens the port again for JAX, a moment after it said "go"."""
    while True:
        try:
            line = socket.create_connection((host, port), timeout=_DIAL_SECONDS)
            line.settimeout(None)
            return line
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_RETRY_SECONDS)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)


def _pump_and_hold(source: socket.socket, sink: socket.socket) -> None:
    """The sink must not see that the source has ended."""
    _pump(source, sink)
    threading.Event().wait()


def start(target: Callable[..., object], *arguments: object) -> None:
    """Starts a thread that ends with the process."""
    threading.Thread(target=target, args=arguments, daemon=True).start()

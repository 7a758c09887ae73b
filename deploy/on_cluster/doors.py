"""TLS in front of servers that speak none. Each door is a process: none waits for another, nor for a writer."""

from __future__ import annotations

import contextlib
import multiprocessing
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

SSL_REQUEST = bytes([0, 0, 0, 8, 4, 210, 22, 47])  # PostgreSQL's: length 8, code 80877103


@contextlib.contextmanager
def opened(address: str, certificate: tuple[Path, Path], behind: Mapping[str, str]) -> Iterator[dict[str, int]]:
    """A door at `address` for each server: a Unix socket's path or HOST:PORT. Answers their ports."""
    listeners = {name: socket.create_server((address, 0), backlog=512) for name in behind}
    fork = multiprocessing.get_context("fork")
    doors = [
        fork.Process(target=_serve, args=(listeners[name], certificate, to, name == "postgres"), daemon=True)
        for name, to in behind.items()
    ]
    for door in doors:
        door.start()
    try:
        yield {name: listener.getsockname()[1] for name, listener in listeners.items()}
    finally:
        for door in doors:
            door.kill()
        for listener in listeners.values():
            listener.close()


def _serve(listener: socket.socket, certificate: tuple[Path, Path], to: str, asks_first: bool) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    while True:
        raw, _ = listener.accept()
        threading.Thread(target=_pass, args=(context, raw, to, asks_first), daemon=True).start()


def _pass(context: ssl.SSLContext, raw: socket.socket, to: str, asks_first: bool) -> None:
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if asks_first:
            if raw.recv(8, socket.MSG_WAITALL) != SSL_REQUEST:
                raw.close()  # nobody is let in in the clear
                return
            raw.sendall(b"S")
        outside = context.wrap_socket(raw, server_side=True)
        inside = _reach(to)
        threading.Thread(target=_pump, args=(inside, outside), daemon=True).start()
        _pump(outside, inside)


def _reach(to: str) -> socket.socket:
    if to.startswith("/"):
        made = socket.socket(socket.AF_UNIX)
        made.connect(to)
        return made
    host, _, port = to.rpartition(":")
    return socket.create_connection((host, int(port)))


def _pump(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    for each in (one, other):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)

"""A connection to an address that was judged before, and that ends when its time is up. The ground of `egress`."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType

from urllib3.connection import HTTPConnection, HTTPSConnection


class Why(StrEnum):
    """Why a request was refused or failed."""

    URL = "the URL is not one this client takes"
    SETTING = "an entry of EGRESS_ALLOW is not USE=ORIGIN or ORIGIN"
    SCHEME = "only https is allowed here"
    ADDRESS = "the name leads to an address that is not public"
    UNRESOLVED = "the name has no address"
    CONNECT = "no connection"
    TLS = "the certificate or the TLS handshake was not accepted"
    TIME = "it took too long"
    SIZE = "the answer is too large"
    REDIRECT = "the answer is a redirect"
    ENCODING = "the answer is compressed, which was not asked for"
    PROTOCOL = "the answer is not whole, valid HTTP"


class EgressError(Exception):
    """`why` says it all; the message is the same words."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


class EgressRefused(EgressError):
    """Nothing was sent: settings or the URL have to change before a repetition can help."""


class EgressFailed(EgressError):
    """It was tried. Whether the peer acted on it is not known."""


class Deadline:
    """Cuts the line when the whole time is up, whoever waits for whatever: a handshake, a header, the next byte."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self.passed = False

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._timer.cancel()
        with self._lock:
            self._drop()

    def left(self) -> float:
        """Seconds until the end, never none: a time-out of 0 would mean something else."""
        return max(0.001, self._ends - time.monotonic())

    def watch(self, line: socket.socket) -> None:
        """Cut this line in time. A handle of our own is kept: TLS takes the other one over."""
        with self._lock:
            self._drop()
            if self.passed:
                raise EgressFailed(Why.TIME)
            self._line = line.dup()

    def _cut(self) -> None:
        with self._lock:
            self.passed = True
            self._drop(cut=True)

    def _drop(self, *, cut: bool = False) -> None:
        if self._line is None:
            return
        try:
            if cut:
                self._line.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the peer was quicker
        finally:
            self._line.close()
            self._line = None


@dataclass(frozen=True, slots=True)
class Pin:
    """Addresses already judged; connecting goes to one of them and asks nobody for a name."""

    addresses: Sequence[str]
    port: int
    timeout: float
    deadline: Deadline

    def connect(self) -> socket.socket:
        for address in self.addresses:
            try:
                line = socket.create_connection((address, self.port), min(self.timeout, self.deadline.left()))
            except OSError:
                continue
            try:
                self.deadline.watch(line)
            except BaseException:
                line.close()
                raise
            line.settimeout(self.deadline.left())
            return line
        raise EgressFailed(Why.TIME if self.deadline.passed else Why.CONNECT)


class PinnedHTTP(HTTPConnection):
    def __init__(self, host: str, port: int, pin: Pin) -> None:
        super().__init__(host, port)
        self._pin = pin

    def _new_conn(self) -> socket.socket:
        return self._pin.connect()


class PinnedHTTPS(HTTPSConnection):
    def __init__(self, host: str, port: int, pin: Pin, context: ssl.SSLContext) -> None:
        super().__init__(host, port, ssl_context=context)
        self._pin = pin

    def _new_conn(self) -> socket.socket:
        return self._pin.connect()

"""Length-prefixed JSON over pipes, with a deadline on the parent's side."""

from __future__ import annotations

import json
import os
import select
import struct
import time
from typing import Any, BinaryIO

_HEADER = struct.Struct(">I")
MAX_FRAME = 16 * 1024 * 1024


class DeadlinePassed(Exception):
    """The other side did not take or give a whole frame in time."""


class Closed(Exception):
    """The other side is gone, or speaks nonsense."""


def encode(message: Any) -> bytes:
    body = json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode()
    return _HEADER.pack(len(body)) + body


def read(stream: BinaryIO) -> Any:
    """One frame, blocking (the worker's side). Raises Closed at the end of the stream."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise Closed
    body = stream.read(_HEADER.unpack(header)[0])
    return json.loads(body)


def send_before(fd: int, message: Any, deadline: float) -> None:
    """Write one frame to a non-blocking pipe before `deadline` (monotonic seconds)."""
    left = memoryview(encode(message))
    while left:
        _wait(fd, select.POLLOUT, deadline)
        try:
            left = left[os.write(fd, left[:65536]) :]
        except BlockingIOError:
            continue
        except OSError:
            raise Closed from None


def receive_before(fd: int, deadline: float) -> Any:
    """Read one frame from a pipe before `deadline` (monotonic seconds)."""
    (length,) = _HEADER.unpack(_exactly(fd, _HEADER.size, deadline))
    if length > MAX_FRAME:
        raise Closed
    try:
        return json.loads(_exactly(fd, length, deadline))
    except ValueError:
        raise Closed from None


def _exactly(fd: int, count: int, deadline: float) -> bytes:
    out = bytearray()
    while len(out) < count:
        _wait(fd, select.POLLIN, deadline)
        chunk = os.read(fd, count - len(out))
        if not chunk:
            raise Closed
        out += chunk
    return bytes(out)


def _wait(fd: int, event: int, deadline: float) -> None:
    left = deadline - time.monotonic()
    poll = select.poll()
    poll.register(fd, event)
    if left <= 0 or not poll.poll(max(1, int(left * 1000))):
        raise DeadlinePassed

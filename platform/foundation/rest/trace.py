"""Names of one request: its own id, and the trace it belongs to (W3C Trace Context `traceparent`)."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass

from foundation.kernel.ids import uuid7

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}")
_NOTHING = {"0" * 32, "0" * 16}


@dataclass(frozen=True, slots=True)
class Trace:
    """`request_id`: 32 hex digits, ours. `trace_id`: 32 hex digits, the caller's where a valid one came."""

    request_id: str
    trace_id: str


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def begin(traceparent: str | None) -> Trace:
    """Name the request now handled in this context. A malformed `traceparent` is ignored, as the standard asks."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    usable = found is not None and not _NOTHING & {found["trace"], found["span"]}
    trace = Trace(uuid7().hex, found["trace"] if found is not None and usable else secrets.token_hex(16))
    _current.set(trace)
    return trace


def end() -> None:
    """The request is answered: what this thread logs next belongs to another, or to none."""
    _current.set(None)


def known() -> Trace | None:
    """The names of the request being handled, if there is one."""
    return _current.get()


def current() -> Trace:
    """The request's names; made on the spot where no middleware began one."""
    return _current.get() or begin(None)

"""Log lines that cannot carry a memory: an exception is told by its type and frames, never by its message.

A driver's message quotes rows ("Key (name)=(...)"), a parser's its input. Types and places are enough to find a bug.
"""

from __future__ import annotations

import contextlib
import json
import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from foundation import telemetry
from foundation.rest import trace

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def frames(error: BaseException) -> list[str]:
    """The chain of an exception as `Type at file:line in function`, outermost first, without any message."""
    told: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        places = [f"{f.filename}:{f.lineno} in {f.name}" for f in traceback.extract_tb(seen.__traceback__)]
        told.append(f"{type(seen).__module__}.{type(seen).__qualname__} at " + " < ".join(reversed(places[-12:])))
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return told


def named() -> dict[str, str]:
    """The request that is handled and the trace that is open, by the names their answers and spans bear."""
    request, ids = trace.known(), telemetry.current_ids()
    told = {"request_id": request.request_id, "trace_id": request.trace_id} if request else {}
    return told | ({"trace_id": ids[0], "span_id": ids[1]} if ids else {})


class Reticent(logging.Formatter):
    """One JSON object per line: time, level, logger, message; the request and the trace it belongs to; the frames of an
    exception."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self.told(record),
        }
        line |= named()
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = frames(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True)

    def told(self, record: logging.LogRecord) -> str:
        """The message; where an argument is an exception its type stands in its place. Arguments that do not fit are
        left out: logging would print them where it reports that."""
        args = record.args
        if isinstance(args, tuple):
            args = tuple(type(a).__name__ if isinstance(a, BaseException) else a for a in args)
        try:
            return str(record.msg) % args if args else str(record.msg)
        except (TypeError, ValueError):
            return str(record.msg)


class Sent(logging.Handler):
    """Hands the same lines to OpenTelemetry: the message as `Reticent` tells it, frames without messages."""

    def __init__(self, logger: Any) -> None:
        super().__init__()
        self._logger, self._telling = logger, Reticent()

    def attach(self) -> Callable[[], None]:
        """Hear what every logger says; returns how to end it."""
        root = logging.getLogger()
        root.addHandler(self)
        return lambda: root.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(("opentelemetry", "urllib3")):  # what is said of sending would be sent
            return
        with contextlib.suppress(Exception):  # `handleError` would print the arguments
            self._logger.emit(self._as_sent(record))

    def _as_sent(self, record: logging.LogRecord) -> Any:
        from opentelemetry._logs import LogRecord, SeverityNumber

        error = record.exc_info[1] if record.exc_info else None
        request = trace.known()
        more: dict[str, Any] = {"logger": record.name} | ({"request_id": request.request_id} if request else {})
        return LogRecord(
            timestamp=int(record.created * 1e9),
            severity_text=record.levelname,
            severity_number=SeverityNumber[_SEVERITIES.get(record.levelname, "INFO")],
            body=self._telling.told(record),
            attributes=more | ({"error": frames(error)} if error is not None else {}),
        )


_SEVERITIES = {"DEBUG": "DEBUG", "INFO": "INFO", "WARNING": "WARN", "ERROR": "ERROR", "CRITICAL": "FATAL"}

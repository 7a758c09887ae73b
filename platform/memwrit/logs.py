"""Log lines that cannot carry a memory: an exception is told by its type and frames, never by its message.

A driver's message quotes rows ("Key (name)=(...)"), a parser's its input. Types and places are enough to find a bug.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

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


class Reticent(logging.Formatter):
    """One JSON object per line: time, level, logger, message; and the frames of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self.told(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = frames(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True)

    def told(self, record: logging.LogRecord) -> str:
        """The message; where an argument is an exception its type stands in its place."""
        args = record.args
        if isinstance(args, tuple):
            args = tuple(type(a).__name__ if isinstance(a, BaseException) else a for a in args)
        return str(record.msg) % args if args else str(record.msg)

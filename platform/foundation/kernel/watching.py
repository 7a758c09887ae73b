"""Who watches the outbox: told of work as it is owed and as it is run. Nobody, unless somebody says so.

The kernel knows no telemetry; whoever does hands in a `Watch` (`memwrit.telemetry`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Begun:
    """One item that is run: in which trace it was owed (W3C `traceparent`, or empty) and when."""

    id: UUID
    trace: str
    owed_at: datetime


class Watch(Protocol):
    """`carry`: the trace context in which something is owed now. `running`: around a run of items of one kind, in the
    tenant's scope; what the run raises passes through it."""

    def carry(self) -> str: ...

    def running(self, kind: str, items: Sequence[Begun]) -> AbstractContextManager[None]: ...


class Nobody:
    """Watches nothing."""

    def carry(self) -> str:
        return ""

    def running(self, kind: str, items: Sequence[Begun]) -> AbstractContextManager[None]:
        return nullcontext()


_watch: Watch = Nobody()


def watched_by(watch: Watch) -> None:
    """From now on, in this process."""
    global _watch
    _watch = watch


def watch() -> Watch:
    """Whoever watches now."""
    return _watch

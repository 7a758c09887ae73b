"""The outbox's runs as they are told: a span that goes on with the traces in which the items were owed, and metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from enum import StrEnum

from foundation.kernel.clock import now
from foundation.kernel.problems import Integrity, Unavailable
from foundation.kernel.scope import current_tenant
from foundation.kernel.watching import Begun
from foundation.telemetry import instruments
from foundation.telemetry.metrics import record
from foundation.telemetry.names import Attribute, Name, Value, Where, Word
from foundation.telemetry.traces import carry, span

MAKES_VISIBLE = "search.index"


class Outcome(StrEnum):
    DONE = "done"
    WAITS = "waits"  # for a part that is away
    FAILED = "failed"


_owed_at: ContextVar[datetime | None] = ContextVar("owed_at", default=None)


def owed_at() -> datetime | None:
    """When the work that is now run was owed; None outside a run."""
    return _owed_at.get()


class Watching:
    """A `foundation.kernel.watching.Watch` that tells."""

    def carry(self) -> str:
        return carry()

    @contextmanager
    def running(self, kind: str, items: Sequence[Begun]) -> Iterator[None]:
        began, first = time.perf_counter(), min(each.owed_at for each in items)
        token, outcome = _owed_at.set(first), Outcome.FAILED
        told: dict[Attribute, Value] = {
            Attribute.KIND: Word(kind),
            Attribute.ITEMS: len(items),
            Attribute.TENANT: current_tenant(),
            Attribute.WAITED: (now() - first).total_seconds(),
        }
        try:
            with span(Name.WORK, told, after=[each.trace for each in items]) as run:
                run.rename(Word(f"work {kind}"))
                yield
            outcome = Outcome.DONE
        except Unavailable:
            outcome = Outcome.WAITS
            raise
        except Integrity:
            record(instruments.VERIFY_FAILURES, 1, Where.WORK)
            raise
        finally:
            _owed_at.reset(token)
            _measure(kind, items, outcome, time.perf_counter() - began)


def _measure(kind: str, items: Sequence[Begun], outcome: Outcome, seconds: float) -> None:
    record(instruments.WORK_DURATION, seconds, Word(kind))
    record(instruments.WORK_RUNS, len(items), Word(kind), outcome)
    if kind == MAKES_VISIBLE and outcome is Outcome.DONE:
        ended = now()
        for each in items:
            record(instruments.FRESHNESS_LAG, max(0.0, (ended - each.owed_at).total_seconds()))

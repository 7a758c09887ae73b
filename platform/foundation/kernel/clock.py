"""The clock: aware UTC datetimes, which a test may freeze."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

_frozen: ContextVar[datetime | None] = ContextVar("frozen_clock", default=None)


def now() -> datetime:
    """The present, in UTC, to the millisecond: what is answered of it is all there is of it."""
    present = _frozen.get() or datetime.now(UTC)
    return present.replace(microsecond=present.microsecond // 1000 * 1000)


def ahead(alias: str = "default") -> timedelta:
    """By how much this clock is ahead of the database's; negative where it is behind. Exact to a round trip."""
    from django.db import connections  # whoever only tells the time needs no database

    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        theirs: datetime = cursor.fetchone()[0]
    return now() - theirs


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """Hold the clock at `at` (aware) for the calling thread."""
    token = _frozen.set(at)
    try:
        yield
    finally:
        _frozen.reset(token)


def rfc3339(at: datetime | None) -> str | None:
    """`2026-11-22T10:25:17.123Z`; whole seconds carry no fraction."""
    if at is None:
        return None
    at = at.astimezone(UTC)
    spec = "milliseconds" if at.microsecond >= 1000 else "seconds"
    return at.replace(tzinfo=None).isoformat(timespec=spec) + "Z"

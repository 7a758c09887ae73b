"""The clock: aware UTC datetimes, which a test may freeze."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_frozen: ContextVar[datetime | None] = ContextVar("frozen_clock", default=None)


def now() -> datetime:
    """The present, in UTC, to the millisecond: what is answered of it is all there is of it."""
    present = _frozen.get() or datetime.now(UTC)
    return present.replace(microsecond=present.microsecond // 1000 * 1000)


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

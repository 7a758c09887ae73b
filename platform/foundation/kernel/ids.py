"""Identifiers: UUIDv7 (RFC 9562 §5.7), ordered by the time of their making."""

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """A new UUIDv7. Strictly increasing within one process: 48 bits of Unix milliseconds, 12 bits of sub-millisecond
    order, 62 random bits (RFC 9562 §6.2, method 3)."""
    tick = _next_tick()
    millis, fraction = divmod(tick, 4096)
    tail = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return UUID(int=(millis & ((1 << 48) - 1)) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | tail)


def made_at_ms(identifier: UUID) -> int:
    """Unix milliseconds at which a UUIDv7 was made."""
    return identifier.int >> 80


def _next_tick() -> int:
    """Time in 1/4096 ms, never the same twice."""
    global _last
    with _lock:
        _last = max(_last + 1, time.time_ns() * 4096 // 1_000_000)
        return _last

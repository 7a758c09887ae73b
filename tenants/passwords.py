"""Passwords: argon2id, a few at a time. What is stored of one says nothing of it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from foundation.kernel.problems import Unauthenticated, Unavailable

SHORTEST, LONGEST = 12, 512
AT_ONCE = 2
"""How many a process works on at a time: each takes 64 MiB and a processor, and strangers may ask for it."""
PATIENCE = 5.0
_hasher = PasswordHasher()
_turn = threading.BoundedSemaphore(AT_ONCE)


def hashed(password: str) -> bytes:
    """What is stored: argon2id with its parameters and salt."""
    with _a_turn():
        return _hasher.hash(password).encode()


def require_password(given: str, stored: bytes | memoryview | None) -> None:
    """Raise `Unauthenticated` unless it is the stored one's password. Nothing stored (None) takes as long as a wrong
    one; `Unavailable` where too many wait for their turn."""
    against = bytes(stored) if stored is not None else _nobodys()
    with _a_turn():
        equal = _verify(against.decode(), given[:LONGEST])
    if not equal or stored is None:
        raise Unauthenticated


def _verify(stored: str, given: str) -> bool:
    try:
        return _hasher.verify(stored, given)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> bytes:
    """A hash of nothing known."""
    return _hasher.hash(secrets.token_urlsafe(32)).encode()


@contextmanager
def _a_turn() -> Iterator[None]:
    if not _turn.acquire(timeout=PATIENCE):
        raise Unavailable("Too many are signing in at once.", retry_after=int(PATIENCE))
    try:
        yield
    finally:
        _turn.release()

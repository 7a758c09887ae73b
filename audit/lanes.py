"""Lanes: how a dropped or replayed outbox row is seen.

A lane belongs to one process and one tenant and is lent to one transaction at a time. Its committed rows are numbered
1, 2, 3 … without a gap and carry a running hash, authenticated with a key that is not in the database. A row that a
rollback took back is numbered again by the next transaction; one that was genuine once but never committed has another
running hash than what follows it. Proven: without the chain a dropped row is never seen and replayed genuine rows are
accepted; with it there is no false alarm at 10 % aborted transactions.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

CHAIN = 32
IDLE = 600.0
"""Seconds after which an unused lane is let go, long before the sequencer forgets it."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one outbox row says. Its digest covers every column but the chain and the MAC, which cover the digest."""

    lane: UUID
    n: int
    tenant: UUID
    id: UUID
    entry: bytes
    detail: bytes | None
    query: bytes | None
    touched: tuple[UUID, ...]
    written_at: datetime

    def digest(self) -> bytes:
        micros = int(self.written_at.timestamp()) * 1_000_000 + self.written_at.microsecond
        parts = [
            self.tenant.bytes,
            self.id.bytes,
            self.entry,
            *(b"-" if part is None else b"+" + part for part in (self.detail, self.query)),
            b"".join(one.bytes for one in self.touched),
            micros.to_bytes(8, "big"),
        ]
        return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()


def first_chain(lane: UUID, tenant: UUID) -> bytes:
    """The running hash before a lane's first row."""
    return hashlib.sha256(b"memwrit lane" + lane.bytes + tenant.bytes).digest()


def next_chain(chain: bytes, n: int, digest: bytes) -> bytes:
    """The running hash after row `n`, whose digest is given."""
    return hashlib.sha256(b"memwrit row" + chain + n.to_bytes(8, "big") + digest).digest()


def row_mac(key: bytes, row: Row, digest: bytes, chain: bytes) -> bytes:
    """Authenticates a row by itself (a reader knows no row before it) and, by the running hash, its whole lane."""
    place = row.lane.bytes + row.n.to_bytes(8, "big")
    return hmac.digest(key, b"memwrit outbox" + place + chain + digest, "sha256")


def state_mac(key: bytes, lane: UUID, tenant: UUID, n: int, chain: bytes, closed: bool) -> bytes:
    """Authenticates how far the sequencer followed a lane."""
    state = lane.bytes + tenant.bytes + n.to_bytes(8, "big") + chain + bytes([closed])
    return hmac.digest(key, b"memwrit lane state" + state, "sha256")


@dataclass(slots=True)
class Lane:
    """A lane's committed end, as its own process knows it. `open`: rows were committed since the last heartbeat."""

    tenant: UUID
    id: UUID = field(default_factory=uuid4)
    n: int = 0
    chain: bytes = b""
    open: bool = False
    used: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.chain = self.chain or first_chain(self.id, self.tenant)

    def advance(self, n: int, chain: bytes, *, open: bool) -> None:
        self.n, self.chain, self.open, self.used = n, chain, open, time.monotonic()


class Pool:
    """This process's lanes. Lent lanes are in nobody's list: one that never comes back is simply gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._free: dict[UUID, list[Lane]] = defaultdict(list)

    def borrow(self, tenant: UUID) -> Lane:
        """A lane of the tenant that nobody else holds; the one used last, so that few are open."""
        with self._lock:
            self._own()
            lanes = self._free[tenant]
            lane = lanes.pop() if lanes else Lane(tenant)
        # Time may have stood still for this process (a suspended machine): begin anew rather than trust an old end.
        return lane if time.monotonic() - lane.used < IDLE else Lane(tenant)

    def give_back(self, lane: Lane) -> None:
        with self._lock:
            self._own()
            self._free[lane.tenant].append(lane)

    def take_open(self, seconds: float) -> list[Lane]:
        """Borrow the free lanes that have lain open for `seconds`; lets go of those long unused."""
        before = time.monotonic() - seconds
        with self._lock:
            self._own()
            taken = [lane for lane in self._all() if lane.open and lane.used <= before]
            self._keep(lane for lane in self._all() if not (lane.open and lane.used <= before))
        return taken

    def any_open(self) -> bool:
        with self._lock:
            self._own()
            return any(lane.open for lane in self._all())

    def _all(self) -> list[Lane]:
        return [lane for lanes in self._free.values() for lane in lanes]

    def _keep(self, lanes: Iterable[Lane]) -> None:
        fresh: dict[UUID, list[Lane]] = defaultdict(list)
        for lane in lanes:
            if time.monotonic() - lane.used < IDLE:
                fresh[lane.tenant].append(lane)
        self._free = fresh

    def _own(self) -> None:
        """A forked child must not go on with its parent's lanes."""
        if self._pid != os.getpid():
            self._pid, self._free = os.getpid(), defaultdict(list)


pool = Pool()


def _after_fork() -> None:
    pool.__init__()  # type: ignore[misc]


os.register_at_fork(after_in_child=_after_fork)

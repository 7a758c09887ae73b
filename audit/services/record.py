"""Record an act: the one way into the ledger.

The event is buffered in the unit of work (a savepoint that rolls back takes its events with it) and written, as outbox
rows of one lane, by the transaction's last statements: change and event commit together or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from audit import details, heartbeat
from audit.acts import Act
from audit.event import Actor, Change, Event, Target
from audit.lanes import Lane, Row, next_chain, pool, row_mac
from audit.models import Outbox
from audit.sequencer import wake
from foundation.kernel.clock import now
from foundation.kernel.closing import Part, close_with
from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Unavailable
from foundation.kernel.rows import insert, insertions
from foundation.kernel.scope import UnitOfWork, current_work
from foundation.keyring.signing import mac_key

__all__ = ["Change", "Target", "record"]

BUFFER = "audit"
STALLED_AFTER = 300.0
"""Seconds an outbox row of a tenant may wait before its writes are refused."""
_STANDING = (
    "EXISTS (SELECT FROM audit_quarantine WHERE tenant_id = %s AND lifted_at IS NULL)",
    "(SELECT written_at FROM audit_outbox WHERE tenant_id = %s ORDER BY seq LIMIT 1)",
)


@dataclass(frozen=True, slots=True)
class Pending:
    """An event of the open transaction, with what is sealed beside it."""

    event: Event
    entry: bytes
    detail: bytes
    query: bytes | None


def record(
    principal: Principal,
    act: Act,
    *,
    target: Target | None = None,
    outcome: str = "ok",
    policy: str = "none",
    detail: Mapping[str, Any] | None = None,
    query: str | None = None,
    changes: Sequence[Change] = (),
) -> Event:
    """Record `act` in the open `tenant_transaction`; at most 24 `changes`: who has more writes several events.

    `detail` holds opaque ids, integers and enumerations; `query` is text, sealed under a key that dies with its day.
    Raises `EventError` for what may not stand in an event; at the transaction's end `Unavailable` if the tenant's
    ledger is stopped.
    """
    work, at = current_work(), now()
    event_id = uuid7()
    sealed = details.seal(work.tenant_id, event_id, at, _plain(detail or {}), query)
    event = Event(
        id=event_id,
        tenant=work.tenant_id,
        ts=int(at.timestamp() * 1000),
        act=act,
        actor=Actor(principal.kind.value, principal.id),
        target=target,
        outcome=outcome,
        policy=policy,
        changes=tuple(changes),
        commit=sealed.commit,
    )
    # Encoded now, so that what is too large is refused here and not at the end of the transaction.
    _buffer(work, Pending(event, event.entry(), sealed.detail, sealed.query))
    return event


def _buffer(work: UnitOfWork, pending: Pending) -> None:
    entries = work.buffer(BUFFER)
    if "audit flushed" in work.state:
        raise RuntimeError("the transaction's events have been written")
    if "audit" not in work.state:
        work.state["audit"] = True
        work.before_commit(_flush)
    entries.append(pending)


def _flush(work: UnitOfWork) -> None:
    work.state["audit flushed"] = True
    pending = work.buffer(BUFFER)
    if not pending:
        return
    rows = _numbered(work, [(one.event.id, one.entry, one) for one in pending], heartbeat_row=False)
    for statement, values in insertions(rows):
        close_with(Part(writes=statement, values=values))
    close_with(Part(_STANDING, _refuse_if_stopped, about=[work.tenant_id, work.tenant_id]))
    wake.after(work)


def write(
    work: UnitOfWork,
    entries: Sequence[tuple[UUID, bytes, Pending | None]],
    *,
    heartbeat_row: bool,
    lane: Lane | None = None,
) -> None:
    """Number, chain, authenticate and insert rows in `lane` (borrowed if none is given), and see to its return."""
    insert(_numbered(work, entries, heartbeat_row=heartbeat_row, lane=lane))


def _numbered(
    work: UnitOfWork,
    entries: Sequence[tuple[UUID, bytes, Pending | None]],
    *,
    heartbeat_row: bool,
    lane: Lane | None = None,
) -> list[Outbox]:
    lane = lane or pool.borrow(work.tenant_id)
    at, key = work.began, mac_key("outbox")
    n, chain, rows = lane.n, lane.chain, []
    work.after_abort(lambda unknown: None if unknown else pool.give_back(lane))
    for event_id, entry, pending in entries:
        n += 1
        row = _row(lane, n, event_id, entry, pending, at)
        digest = row.digest()
        chain = next_chain(chain, n, digest)
        rows.append(_stored(row, chain, row_mac(key, row, digest, chain)))
    work.after_commit(lambda: _committed(lane, n, chain, open=not heartbeat_row))
    return rows


def _refuse_if_stopped(apart: bool, oldest: datetime | None) -> None:
    """For a tenant in quarantine, or whose oldest event has waited too long to be sequenced."""
    if apart:
        raise Unavailable("The ledger is in quarantine.", retry_after=60)
    if oldest is not None and (current_work().began - oldest).total_seconds() > STALLED_AFTER:
        raise Unavailable("The ledger is not being sequenced.", retry_after=10)


def _row(lane: Lane, n: int, event_id: UUID, entry: bytes, pending: Pending | None, at: datetime) -> Row:
    if pending is None:
        return Row(lane.id, n, lane.tenant, event_id, entry, None, None, (), at)
    touched = tuple(change.id for change in pending.event.changes)
    return Row(lane.id, n, lane.tenant, event_id, entry, pending.detail, pending.query, touched, at)


def _stored(row: Row, chain: bytes, mac: bytes) -> Outbox:
    return Outbox(
        id=row.id,
        tenant_id=row.tenant,
        lane=row.lane,
        n=row.n,
        chain=chain,
        entry=row.entry,
        detail=row.detail,
        query=row.query,
        touched=list(row.touched),
        mac=mac,
        written_at=row.written_at,
    )


def _committed(lane: Lane, n: int, chain: bytes, *, open: bool) -> None:
    lane.advance(n, chain, open=open)
    pool.give_back(lane)
    if open:
        heartbeat.keep()


def _plain(value: Any) -> Any:
    """Ids and enumerations as JSON has them."""
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, UUID) else value

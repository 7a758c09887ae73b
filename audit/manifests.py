"""Holding what was read against the manifest: pin → signed head → manifest → bucket → element, and what is not yet
sequenced on top. A chain that a row put back, changed or taken away cannot fake."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from audit.event import Change, Event, EventError, parse
from audit.lanes import Row, row_mac
from audit.manifest import EMPTY, Manifest, ManifestError, Place
from audit.models import Head, Outbox, Quarantine
from audit.notes import Checkpoint, NoteError, unb64
from audit.origin import MANIFEST, own_checkpoint
from audit.pin import Pin, watch
from audit.services.quarantine import apart, quarantine
from foundation.kernel.problems import Integrity
from foundation.kernel.rows import execute, execute_binary, integers, uuids
from foundation.kernel.scope import current_work
from foundation.keyring.signing import mac_key

Elements = Mapping[UUID, bytes | None]
ATTEMPTS = 3
_NODES = """SELECT level, index, body FROM audit_manifestnode
JOIN unnest(%s::smallint[], %s::bigint[]) AS asked(level, index) USING (level, index) WHERE tenant_id = %s"""
_LEDGER = """SELECT h.size, h.root, h.note, o.seq, o.lane, o.n, o.tenant_id, o.id, o.entry, o.detail, o.query,
o.touched, o.written_at, o.mac, o.chain FROM (SELECT %(tenant)s::uuid AS id) AS tenant
LEFT JOIN audit_head h ON h.tenant_id = tenant.id
LEFT JOIN audit_outbox o ON o.tenant_id = tenant.id AND o.touched && %(ids)s::uuid[] ORDER BY o.seq"""


class Waiting(NamedTuple):
    """An outbox row, as it stands in the database."""

    lane: UUID
    n: int
    tenant_id: UUID
    id: UUID
    entry: bytes
    detail: bytes | None
    query: bytes | None
    touched: Sequence[UUID]
    written_at: datetime
    mac: bytes
    chain: bytes


class PinBroken(Integrity):
    """The log is behind its pin or beside it; its tenant is in quarantine. Looking again does not help."""


def verify_elements(elements: Elements) -> None:
    """Raises `Integrity` unless every memory shows exactly its element; None says: it must not be there (any more).

    Call it in the transaction that read the memories, best a snapshot. Outside one, the sequencer may move between two
    of its statements: so what fails is looked at again.
    """
    for attempt in range(ATTEMPTS):
        try:
            return _verify(elements)
        except PinBroken:
            raise
        except Integrity:
            if attempt == ATTEMPTS - 1:
                raise
    return None


def _verify(elements: Elements) -> None:
    ids = list(elements)
    if not ids:
        return
    standing = _standing(ids)
    for one, element in elements.items():
        expected = standing[one]
        if element is None or expected is None:
            if element is not expected:
                raise Integrity("A memory is missing from the store, or from its manifest.")
        elif not hmac.compare_digest(element, expected):
            raise Integrity("A memory is not the one its manifest names.")


def _standing(ids: Sequence[UUID]) -> dict[UUID, bytes | None]:
    tenant = current_work().tenant_id
    found = execute(_LEDGER, {"tenant": tenant, "ids": uuids(ids)})
    try:
        manifest = Manifest(_manifest_root(_checked_head(tenant, found[0][:3])), _fetch)
        standing = manifest.elements(ids)
        for change in _changes([Waiting(*row[4:]) for row in found if row[3] is not None]):
            if change.id in standing:
                if standing[change.id] != change.old:
                    raise Integrity("A delta does not start from what stands.")
                standing[change.id] = change.new
    except (ManifestError, NoteError, EventError):
        raise Integrity("The manifest does not add up.") from None
    return standing


def _manifest_root(checkpoint: Checkpoint | None) -> bytes:
    return unb64(checkpoint.extensions[MANIFEST]) if checkpoint and MANIFEST in checkpoint.extensions else EMPTY


def _checked_head(tenant: UUID, head: tuple[Any, ...]) -> Checkpoint | None:
    """The log's signed head (size, root, note) as this transaction sees it, not behind the pin; None for an empty
    log."""
    size, root, note = head
    checkpoint = None
    if note is not None:
        checkpoint = own_checkpoint(note, tenant)
        if (checkpoint.size, checkpoint.root) != (size, root):
            raise Integrity("The head is not what its note says.")
    _hold_against_pin(tenant, checkpoint)
    return checkpoint


def _hold_against_pin(tenant: UUID, checkpoint: Checkpoint | None) -> None:
    try:
        pin = watch.highest(tenant)
        if pin is None and checkpoint:
            pin = watch.highest(tenant, fresh=0.0)
        if _behind(checkpoint, pin) and (pin is None or _behind(apart(tenant, _fresh_head), pin)):
            raise Integrity("The log is behind its pin, or beside it.")
    except Integrity as error:
        quarantine(tenant, Quarantine.Reason.PIN)
        raise PinBroken(error.detail) from None


def _behind(checkpoint: Checkpoint | None, pin: Pin | None) -> bool:
    if checkpoint is None:
        return pin is not None and pin.size > 0
    return pin is None or checkpoint.size < pin.size or (checkpoint.size == pin.size and checkpoint.root != pin.root)


def _fresh_head() -> Checkpoint | None:
    """The head now: a snapshot may be older than the pin, and is not wrong for that."""
    head = Head.objects.first()
    return Checkpoint("", head.size, bytes(head.root)) if head else None


def _fetch(places: Sequence[Place]) -> dict[Place, bytes]:
    levels, indices = integers(level for level, _ in places), integers(index for _, index in places)
    found = execute_binary(_NODES, [levels, indices, current_work().tenant_id])
    return {(level, index): bytes(body) for level, index, body in found}


def _changes(waiting: Iterable[Waiting]) -> list[Change]:
    return [change for row in waiting for change in pending_event(row).changes]


def pending_event(row: Outbox | Waiting) -> Event:
    """The event in an outbox row, once the row is authentic; raises `Integrity` or `EventError`."""
    plain = Row(
        lane=row.lane,
        n=row.n,
        tenant=row.tenant_id,
        id=row.id,
        entry=bytes(row.entry),
        detail=None if row.detail is None else bytes(row.detail),
        query=None if row.query is None else bytes(row.query),
        touched=tuple(row.touched),
        written_at=row.written_at,
    )
    if not hmac.compare_digest(bytes(row.mac), row_mac(mac_key("outbox"), plain, plain.digest(), bytes(row.chain))):
        raise Integrity("An outbox row is not authentic.")
    return parse(plain.entry)

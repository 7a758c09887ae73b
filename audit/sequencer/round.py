"""One round of the sequencer: check, append, re-hash, sign, compare-and-set; commit; pin. What is pinned is published.

A round is one transaction over at most 4,096 rows, an equal share for every tenant that waits. A tenant whose rows or
log do not add up is put in quarantine and the others go on.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from django.db import connections, transaction

from audit.merkle import EMPTY_ROOT
from audit.notes import Checkpoint, Signer
from audit.origin import DIRECTORY, log_signer, origin
from audit.pin import FilePins, Move, Pin, pins
from audit.sequencer import checks, growth
from audit.sequencer.checks import Fault, Reason
from audit.sequencer.growth import Growth
from audit.sequencer.rows import HeadRow, LaneState, Rows, Waiting
from audit.tiles import Fetch
from foundation import telemetry
from foundation.kernel.problems import Integrity
from foundation.keyring.signing import mac_key
from foundation.telemetry import instruments

ALIAS = "sequencer"
BATCH = 4096
MOST_TENANTS = 512
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Part:
    """One tenant's part of a round."""

    tenant: UUID
    waiting: list[Waiting]
    lanes: list[LaneState] = field(default_factory=list)
    growth: Growth | None = None
    head: HeadRow | None = None


class Sequencer:
    """One process's sequencer; any number may run, one leads."""

    def __init__(self) -> None:
        self.id = uuid4()
        self._caught_up = False
        self._last = DIRECTORY
        self._moves: list[Move] = []

    def round(self) -> int:
        """Sequence what waits, up to a batch; returns how many rows were taken out of the outbox."""
        self._moves = []
        with transaction.atomic(using=ALIAS, durable=True), connections[ALIAS].cursor() as cursor:
            rows = Rows(cursor)
            if not rows.lead(self.id):
                self._caught_up = False
                return 0
            if not self._caught_up:
                self._catch_up(rows)
            parts = self._parts(rows)
            done = self._write(rows, parts) if parts else []
        self._caught_up = False  # until the pins stand: whatever fails there is made good by the next round
        self._pin()
        self._caught_up = True
        _tell_lag(parts)
        return len(done)

    def resign(self) -> None:
        """Let another sequencer lead at once."""
        with transaction.atomic(using=ALIAS), connections[ALIAS].cursor() as cursor:
            Rows(cursor).resign(self.id)

    # --- what waits ---

    def _parts(self, rows: Rows) -> list[Part]:
        tenants = rows.tenants_waiting(self._last, MOST_TENANTS)
        if len(tenants) < MOST_TENANTS and self._last != DIRECTORY:
            tenants += [one for one in rows.tenants_waiting(DIRECTORY, MOST_TENANTS) if one not in set(tenants)]
            tenants = tenants[:MOST_TENANTS]
        self._last = tenants[-1] if len(tenants) == MOST_TENANTS else DIRECTORY
        if not tenants:
            return []
        by_tenant: dict[UUID, list[Waiting]] = defaultdict(list)
        for one in rows.waiting(tenants, max(1, BATCH // len(tenants))):
            by_tenant[one.row.tenant].append(one)
        return self._checked(rows, [Part(*item) for item in by_tenant.items()])

    def _checked(self, rows: Rows, parts: list[Part]) -> list[Part]:
        """Follow the lanes, read the events, grow the logs; drop the tenants that do not add up."""
        states = rows.lanes({one.row.lane for part in parts for one in part.waiting})
        heads = rows.heads(part.tenant for part in parts)
        pairs = [(one.row.tenant, one.row.id) for part in parts for one in part.waiting]
        repeated = rows.known(*zip(*pairs, strict=True)) if pairs else set()
        overgrown = rows.overgrown([(part.tenant, head_size(heads.get(part.tenant))) for part in parts])
        wrong = dict.fromkeys(overgrown, Reason.TREE) | dict.fromkeys(repeated, Reason.REPEAT)
        return [part for part in parts if self._check(rows, part, states, heads.get(part.tenant), wrong)]

    def _check(
        self,
        rows: Rows,
        part: Part,
        states: dict[UUID, LaneState],
        head: HeadRow | None,
        wrong: dict[UUID, Reason],
    ) -> bool:
        try:
            part.lanes = checks.follow(part.waiting, states, mac_key("outbox"), mac_key("lane"))
            events = checks.events(part.waiting)
            if events:
                self._stand(rows, part.tenant, head)
            if part.tenant in wrong:
                raise Fault(wrong[part.tenant])
            if events:
                part.growth = growth.grow(rows, part.tenant, head, events)
        except Fault as fault:
            quarantine(rows, part.tenant, fault)
            return False
        return True

    # --- writing ---

    def _write(self, rows: Rows, parts: Sequence[Part]) -> list[Waiting]:
        signer = log_signer()
        growths = [part.growth for part in parts if part.growth]
        heads = self._publish(rows, growths, signer)
        if heads:
            self._grow_directory(rows, heads, signer)
        done = [one for part in parts for one in part.waiting]
        rows.add_details([one.row for one in done])
        rows.put_lanes([lane for part in parts for lane in part.lanes])
        rows.drop([one.row for one in done])
        return done

    def _grow_directory(self, rows: Rows, heads: Sequence[HeadRow], signer: Signer) -> None:
        old = rows.heads([DIRECTORY]).get(DIRECTORY)
        try:
            self._stand(rows, DIRECTORY, old)
            grown = growth.grow_directory(rows, old, heads)
        except Fault as fault:
            log.error("the directory log is not extended: %s", fault.reason)
            return
        self._publish(rows, [grown], signer)

    def _publish(self, rows: Rows, growths: Sequence[Growth], signer: Signer) -> list[HeadRow]:
        """Write what grew, hash it anew, sign and set the heads; the pins follow after COMMIT."""
        if not growths:
            return []
        rows.add_entries([entry for one in growths for entry in one.entries])
        rows.put_tiles([tile for one in growths for tile in one.tiles()])
        rows.put_nodes([node for one in growths for node in one.nodes()])
        heads = []
        for one in growths:
            head = growth.sign(rows, one, signer)
            if not rows.set_head(one.head, head):
                raise RuntimeError("the head moved under the sequencer: nothing is signed over it")
            self._moves.append(_move(one.tenant, one.head, head))
            heads.append(head)
        return heads

    # --- the pin ---

    def _stand(self, rows: Rows, tenant: UUID, head: HeadRow | None) -> None:
        """Hold head against pin; a pin left behind by a kill is to follow. Raises `Fault`."""
        try:
            self._hold(rows, tenant, head)
        except Integrity:
            raise Fault(Reason.PIN) from None

    def _hold(self, rows: Rows, tenant: UUID, head: HeadRow | None) -> None:
        pin = pins().read(tenant)
        if not checks.pinned(head, pin, _fetch(rows, tenant)) and head is not None:
            checks.checkpoint(head)
            _advance(pins(), [Move(tenant, pin, Pin(head.size, head.root, head.note))])
        elif pin is None:
            _advance(pins(), [Move(tenant, None, _nothing(tenant))])

    def _catch_up(self, rows: Rows) -> None:
        """After a start or a change of leader: hold every head against its pin, the directory's last."""
        for tenant, head in rows.heads().items():
            try:
                self._stand(rows, tenant, head)
            except Fault as fault:
                quarantine(rows, tenant, fault)
        rows.forget_lanes()

    def _pin(self) -> None:
        for tenant in _advance(pins(), self._moves):
            with transaction.atomic(using=ALIAS), connections[ALIAS].cursor() as cursor:
                quarantine(Rows(cursor), tenant, Fault(Reason.PIN))


def _tell_lag(parts: Sequence[Part]) -> None:
    """How long each event waited until its log, signed and pinned, had it."""
    ended = time.time() * 1000
    for entry in (entry for part in parts if part.growth for entry in part.growth.entries):
        telemetry.record(instruments.AUDIT_LAG, max(0.0, (ended - entry.ts) / 1000))


def quarantine(rows: Rows, tenant: UUID, fault: Fault) -> None:
    """Stop a tenant, visibly."""
    telemetry.record(instruments.VERIFY_FAILURES, 1, telemetry.Where.LEDGER)
    log.error("tenant %s is in quarantine: %s", tenant, fault.reason.value)
    rows.quarantine(tenant, fault.reason.value)


def head_size(head: HeadRow | None) -> int:
    return head.size if head else 0


def _advance(store: FilePins, moves: Sequence[Move]) -> list[UUID]:
    return store.advance(moves) if moves else []


def _fetch(rows: Rows, tenant: UUID) -> Fetch:
    return lambda level, number: rows.tile(tenant, level, number)


def _move(tenant: UUID, old: HeadRow | None, new: HeadRow) -> Move:
    expected = Pin(old.size, old.root, old.note) if old else _nothing(tenant)
    return Move(tenant, expected, Pin(new.size, new.root, new.note))


def _nothing(tenant: UUID) -> Pin:
    """The pin of a log that has no leaf yet."""
    note = log_signer().sign(Checkpoint(origin(tenant), 0, EMPTY_ROOT).text())
    return Pin(0, EMPTY_ROOT, note)

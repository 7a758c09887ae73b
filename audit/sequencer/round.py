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
from audit.sequencer.rows import LEASE_SECONDS, HeadRow, LaneState, Rows, TilePlace, Waiting
from audit.tiles import Fetch, partial_tiles
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


@dataclass(frozen=True, slots=True)
class Ledger:
    """What stands of the logs that a round extends, the directory's among them; nothing of it is believed yet."""

    states: dict[UUID, LaneState]
    heads: dict[UUID, HeadRow]
    edges: dict[TilePlace, bytes]
    wrong: dict[UUID, Reason]

    def tile(self, log: UUID) -> Fetch:
        return lambda level, number: self.edges.get((log, level, number), b"")


class Sequencer:
    """One process's sequencer; any number may run, one leads."""

    def __init__(self) -> None:
        self.id = uuid4()
        self.more = False
        """Whether the last round took as much as it may of any tenant, or of all: more may wait."""
        self._caught_up = False
        self._leads_until = 0.0
        self._last = DIRECTORY
        self._moves: list[Move] = []

    def round(self) -> int:
        """Sequence what waits, up to a batch; returns how many rows were taken out of the outbox."""
        self._moves, self.more = [], False
        began, tenants = time.monotonic(), self._tenants()
        if not tenants and self._caught_up and began < self._leads_until:
            return 0
        with transaction.atomic(using=ALIAS, durable=True), connections[ALIAS].cursor() as cursor:
            rows = Rows(cursor)
            if not rows.lead(self.id):
                self._caught_up = False
                return 0
            if not self._caught_up:
                self._catch_up(rows)
            done = self._sequence(rows, parts := self._parts(rows, tenants))
        self._leads_until = began + LEASE_SECONDS / 2  # and is to be kept before the other half is over
        self._caught_up = False  # until the pins stand: whatever fails there is made good by the next round
        self._pin()
        self._caught_up = True
        _tell_lag(parts)
        return len(done)

    def resign(self) -> None:
        """Let another sequencer lead at once."""
        self._caught_up = False
        with transaction.atomic(using=ALIAS), connections[ALIAS].cursor() as cursor:
            Rows(cursor).resign(self.id)

    # --- what waits ---

    def _tenants(self) -> list[UUID]:
        """Whose rows wait, in turn. What is believed of them is read under the lease."""
        with connections[ALIAS].cursor() as cursor:
            return self._turn(Rows(cursor))

    def _turn(self, rows: Rows) -> list[UUID]:
        tenants = rows.tenants_waiting(self._last, MOST_TENANTS)
        if len(tenants) < MOST_TENANTS and self._last != DIRECTORY:
            tenants += [one for one in rows.tenants_waiting(DIRECTORY, MOST_TENANTS) if one not in set(tenants)]
            tenants = tenants[:MOST_TENANTS]
        self._last = tenants[-1] if len(tenants) == MOST_TENANTS else DIRECTORY
        return tenants

    def _parts(self, rows: Rows, tenants: Sequence[UUID]) -> list[Part]:
        if not tenants:
            return []
        quota = max(1, BATCH // len(tenants))
        by_tenant: dict[UUID, list[Waiting]] = defaultdict(list)
        for one in rows.waiting(tenants, quota):
            by_tenant[one.row.tenant].append(one)
        self.more = len(tenants) == MOST_TENANTS or any(len(waiting) == quota for waiting in by_tenant.values())
        return [Part(*item) for item in by_tenant.items()]

    def _sequence(self, rows: Rows, parts: Sequence[Part]) -> list[Waiting]:
        """Follow the lanes, read the events, grow the logs and write them; the tenants that do not add up are left."""
        if not parts:
            return []
        ledger = _read(rows, parts)
        return self._write(rows, [part for part in parts if self._check(rows, part, ledger)], ledger)

    def _check(self, rows: Rows, part: Part, ledger: Ledger) -> bool:
        head = ledger.heads.get(part.tenant)
        try:
            part.lanes = checks.follow(part.waiting, ledger.states, mac_key("outbox"), mac_key("lane"))
            events = checks.events(part.waiting)
            if events:
                self._stand(rows, part.tenant, head)
            if part.tenant in ledger.wrong:
                raise Fault(ledger.wrong[part.tenant])
            if events:
                part.growth = growth.grow(rows, part.tenant, head, events, ledger.tile(part.tenant))
        except Fault as fault:
            quarantine(rows, part.tenant, fault)
            return False
        return True

    # --- writing ---

    def _write(self, rows: Rows, parts: Sequence[Part], ledger: Ledger) -> list[Waiting]:
        signer = log_signer()
        heads = self._publish(rows, [part.growth for part in parts if part.growth], signer)
        if heads:
            self._grow_directory(rows, heads, signer, ledger)
        done = [one for part in parts for one in part.waiting]
        if done:
            rows.settle([one.row for one in done], [lane for part in parts for lane in part.lanes])
        return done

    def _grow_directory(self, rows: Rows, heads: Sequence[HeadRow], signer: Signer, ledger: Ledger) -> None:
        old = ledger.heads.get(DIRECTORY)
        try:
            self._stand(rows, DIRECTORY, old)
            grown = growth.grow_directory(old, heads, ledger.tile(DIRECTORY))
        except Fault as fault:
            log.error("the directory log is not extended: %s", fault.reason)
            return
        self._publish(rows, [grown], signer)

    def _publish(self, rows: Rows, growths: Sequence[Growth], signer: Signer) -> list[HeadRow]:
        """Write what grew, hash it anew, sign and set the heads; the pins follow after COMMIT."""
        if not growths:
            return []
        rows.add(
            [entry for one in growths for entry in one.entries],
            [tile for one in growths for tile in one.tiles()],
            [node for one in growths for node in one.nodes()],
        )
        stored = rows.read_back({one.tenant: one.size for one in growths})
        heads = [growth.sign(stored[one.tenant], one, signer) for one in growths]
        if not rows.set_heads([(one.head, head) for one, head in zip(growths, heads, strict=True)]):
            raise RuntimeError("a head moved under the sequencer: nothing is signed over it")
        self._moves += [_move(one.tenant, one.head, head) for one, head in zip(growths, heads, strict=True)]
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


def _read(rows: Rows, parts: Sequence[Part]) -> Ledger:
    states = rows.lanes({one.row.lane for part in parts for one in part.waiting})
    heads, overgrown = rows.standing([*(part.tenant for part in parts), DIRECTORY])
    edges = rows.tiles([(log, *place) for log, head in heads.items() for place in partial_tiles(head.size)])
    repeated = {one.row.tenant for part in parts for one in part.waiting if one.known}
    return Ledger(states, heads, edges, dict.fromkeys(overgrown, Reason.TREE) | dict.fromkeys(repeated, Reason.REPEAT))


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

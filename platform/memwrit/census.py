"""Figures that stand in the database, taken now and then for every tenant together: what waits, and for how long.

One process takes them (`memwrit tick`), in each tenant's scope and as the application: no role sees more than it must.
Only sums, highest and lowest over all tenants are kept. A round may take a twentieth of the process's time at most.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Min

from audit.models import Outbox, Quarantine
from foundation.kernel.clock import now
from foundation.kernel.leasing import EVERY
from foundation.kernel.models import WorkItem
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.keyring import keys
from foundation.keyring.models import Key, Purpose
from foundation.search import generations
from foundation.telemetry import Instrument, instruments, record
from foundation.telemetry.names import Value
from governance.models import Admission, ErasureRequest, Operation
from governance.services.plan_erasure import DUE_WITHIN
from memwrit.upkeep import tenants

SHARE = 20
"""A round is followed by a pause of so many times its length, if that is longer than the job's own."""
AGED = (Purpose.INDEX, Purpose.INTEGRITY, Purpose.LOOKUP, Purpose.PSEUDONYM)
PLAIN = (
    *(instruments.HELD_OPEN, instruments.HELD_AGE, instruments.AUDIT_AGE, instruments.QUARANTINED),
    *(instruments.FORGET_OPEN, instruments.FORGET_RUNNING, instruments.REKEY_OWED, instruments.TENANTS),
)
log = logging.getLogger("memwrit.census")
Series = tuple[Instrument, tuple[Value, ...]]


class Differs(StrEnum):
    """How an index differs from the records."""

    MISSING = "missing"
    STALE = "stale"
    ORPHANS = "orphans"


@dataclass(slots=True)
class Figures:
    """What was found so far. Every series is there from the beginning, so that what has gone is told as nothing."""

    at: datetime = field(default_factory=now)
    values: dict[Series, float] = field(default_factory=lambda: defaultdict(float))

    def __post_init__(self) -> None:
        for instrument in PLAIN:
            self.add(instrument, 0)
        for queue in EVERY:
            self.add(instruments.OUTBOX_AGE, 0, queue)
            for state in WorkItem.State:
                self.add(instruments.OUTBOX_DEPTH, 0, queue, state)
        for purpose in AGED:
            self.add(instruments.KEY_AGE, 0, purpose)
        self.values[instruments.FORGET_REMAINING, ()] = DUE_WITHIN.total_seconds()

    def add(self, instrument: Instrument, number: float, *labels: Value) -> None:
        self.values[instrument, labels] += number

    def age(self, instrument: Instrument, since: datetime | None, *labels: Value) -> None:
        """The longest time since then, over all tenants."""
        if since is not None:
            seconds = max(0.0, (self.at - since).total_seconds())
            self.values[instrument, labels] = max(self.values[instrument, labels], seconds)

    def tell(self) -> None:
        for (instrument, labels), value in self.values.items():
            record(instrument, value, *labels)
        record(instruments.CENSUS_AT, time.time())


def held(figures: Figures) -> None:
    """What a person must review; what waits for a part to come back is nobody's to review."""
    waiting = Admission.objects.filter(state=Admission.State.HELD, waits=False)
    found = waiting.aggregate(open=Count("id"), oldest=Min("held_at"))
    figures.add(instruments.HELD_OPEN, found["open"])
    figures.age(instruments.HELD_AGE, found["oldest"])


def owed(figures: Figures) -> None:
    """The outbox of work."""
    found = WorkItem.objects.values_list("queue", "state").annotate(items=Count("id"), first=Min("due"))
    for queue, state, items, first in found.order_by():
        known = next((each for each in EVERY if each.value == queue), None)
        if known is None:
            continue
        figures.add(instruments.OUTBOX_DEPTH, items, known, WorkItem.State(state))
        if state == WorkItem.State.DUE:
            figures.age(instruments.OUTBOX_AGE, first, known)


def unsequenced(figures: Figures) -> None:
    """Events that are not in their log yet, and logs that stand still."""
    figures.age(instruments.AUDIT_AGE, Outbox.objects.aggregate(oldest=Min("written_at"))["oldest"])
    figures.add(instruments.QUARANTINED, Quarantine.objects.filter(lifted_at=None).exists())


def forgetting(figures: Figures) -> None:
    """Erasures that are neither done nor waiting for a hold's release or a deadline of their own."""
    states = ErasureRequest.State
    planned = ErasureRequest.objects.filter(state__in=[states.PLANNED, states.APPROVED], expires_at__gt=figures.at)
    begun = ErasureRequest.objects.filter(state__in=[states.RUNNING, states.FAILED])
    for requests in (planned, begun):
        found = requests.aggregate(open=Count("id"), due=Min("due_at"))
        figures.add(instruments.FORGET_OPEN, found["open"])
        if found["due"] is not None:
            series = (instruments.FORGET_REMAINING, ())
            left = (found["due"] - figures.at).total_seconds()
            figures.values[series] = min(figures.values[series], left)
    under_way = [Operation.State.PENDING, Operation.State.RUNNING]
    running = Operation.objects.filter(kind="erasure", state__in=under_way)
    figures.age(instruments.FORGET_RUNNING, running.aggregate(first=Min("created_at"))["first"])


def aged(figures: Figures) -> None:
    """Since when the index owes a new key; how old the tenant's own keys are."""
    live = generations.rows()
    for row in live:
        figures.age(instruments.REKEY_OWED, row.owed_since)
    ids = {keys.id_of("index", str(row.number)) for row in live} | {keys.id_of(purpose) for purpose in AGED}
    with tenant_transaction(using="keyring"):
        for purpose, made in Key.objects.filter(id__in=ids).values_list("purpose", "created_at"):
            figures.age(instruments.KEY_AGE, made, Purpose(purpose))


PARTS: tuple[Callable[[Figures], None], ...] = (held, owed, unsequenced, forgetting, aged)


class Parity:
    """Each tenant's index is compared with its records once in `PARITY_HOURS`, one tenant a round."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.tried: dict[UUID, float] = {}
        self.found: dict[UUID, tuple[float, dict[Differs, int]]] = {}

    def turn(self, known: list[UUID]) -> None:
        """Compare the tenant whose turn it is, if it is anybody's, then tell what is known of all."""
        every = settings.PARITY_EVERY.total_seconds()
        if not every or not known:
            return
        first = min(known, key=lambda each: self.tried.get(each, 0.0))
        if first not in self.tried or time.monotonic() - self.tried[first] >= every:
            self.tried[first] = time.monotonic()
            with _forgiven("parity"):
                self.found[first] = time.monotonic(), self._compare(first)
        self._tell(known)

    def _tell(self, known: list[UUID]) -> None:
        found = {each: self.found[each] for each in known if each in self.found}
        for kind in Differs:
            record(instruments.PARITY, sum(counts[kind] for _, counts in found.values()), kind)
        oldest = min(found[each][0] if each in found else self.began for each in known)
        record(instruments.PARITY_AGE, time.monotonic() - oldest)

    def _compare(self, tenant_id: UUID) -> dict[Differs, int]:
        """What waits in the outbox is on its way, and no difference; an orphan always is one."""
        from foundation.kernel.outbox import waiting
        from memwrit.commands.parity import compare

        with tenant_scope(tenant_id):
            found = compare()
            under_way = not found.holds and waiting(tenant_id) > 0
        return {
            Differs.MISSING: 0 if under_way else len(found.missing),
            Differs.STALE: 0 if under_way else len(found.stale),
            Differs.ORPHANS: len(found.orphans),
        }


class Census:
    """One process's: `round` takes the figures if it is time."""

    def __init__(self) -> None:
        self.parity = Parity()
        self._not_before = 0.0

    def round(self) -> int:
        """0: there is never more to do at once."""
        began = time.monotonic()
        if began < self._not_before:
            return 0
        known = list(tenants())
        take(known).tell()
        self.parity.turn(known)
        self._not_before = time.monotonic() + SHARE * (time.monotonic() - began)
        return 0


def take(known: list[UUID]) -> Figures:
    """The figures of these tenants. One whose figures cannot be had is left out, and holds up no other."""
    figures = Figures()
    figures.add(instruments.TENANTS, len(known))
    for tenant_id in known:
        with _forgiven("the census"), tenant_scope(tenant_id), tenant_transaction():
            for part in PARTS:
                part(figures)
    return figures


@contextmanager
def _forgiven(what: str) -> Iterator[None]:
    """What fails inside is told by its class and passed over."""
    try:
        yield
    except Exception as error:
        log.warning("%s of a tenant failed: %s", what, type(error).__name__)


census = Census()

"""What is shown of orders to forget, and of legal holds: how far they are, and how much of their time is over.

Reading them is an event of the page's own; a certificate's is recorded here, as at the API's door.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.principal import Principal
from foundation.kernel.problems import NotFound
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from governance.certificates import file_of
from governance.models import Certificate, ErasureItem, ErasureRequest, LegalHold
from governance.sealed import open_text
from governance.services.place_hold import Held, covered, name_place
from governance.services.sweep_retention import BASIS as RETENTION
from tenants.policy import may

S = ErasureRequest.State
OPEN = (S.PLANNED, S.APPROVED, S.RUNNING, S.PARTIAL)
"""States in which something is still to be done, or waits."""
CCPA = timedelta(days=45)  # California Civil Code §1798.130(a)(2)(A)
SOON = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Clock:
    """The time a request may take by the law it names. `ended`: when it was done, if it was."""

    law: str
    start: datetime
    due: datetime
    ended: datetime | None = None

    @property
    def share(self) -> float:
        """How much of the time is over, or was when it was done; beyond 1 it is late."""
        return ((self.ended or now()) - self.start) / (self.due - self.start)

    @property
    def left(self) -> timedelta:
        return self.due - (self.ended or now())

    @property
    def tone(self) -> str:
        if self.left < timedelta():
            return "bad"
        return "warn" if not self.ended and self.left < SOON else "good"


@dataclass(frozen=True, slots=True)
class Order:
    """One request with its clock. `steps`: how many of its records are at which step."""

    request: ErasureRequest
    clock: Clock
    steps: Mapping[str, int] = field(default_factory=dict)
    reason: str | None = None

    @property
    def ended(self) -> bool:
        return self.request.state not in (S.PLANNED, S.APPROVED, S.RUNNING)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Open requests: how many, how many are due within a week, how many are late, and the next that is due."""

    open: int
    soon: int
    late: int
    next: datetime | None


def clock_of(request: ErasureRequest) -> Clock:
    """GDPR: a month (article 12(3)), which every other basis is given too; CCPA: 45 days."""
    done = request.finished_at if request.state == S.DONE else None
    if request.basis == "ccpa-1798.105":
        return Clock("CCPA, 45 days", request.created_at, request.created_at + CCPA, done)
    law = "GDPR, one month" if request.basis == "gdpr-17" else "one month"
    return Clock(law, request.created_at, request.due_at, done)


def orders(principal: Principal, *, state: str | None, before: UUID | None, limit: int) -> list[Order]:
    """Up to `limit` + 1 requests, newest first."""
    may(principal, "erasure.read")
    with tenant_transaction():
        rows = ErasureRequest.objects.filter(**_given(state=state, id__lt=before)).order_by("-id")[: limit + 1]
        return [Order(row, clock_of(row)) for row in rows]


def order(principal: Principal, request_id: UUID) -> Order:
    """One request with its reason and how far its records are; raises `NotFound`."""
    may(principal, "erasure.read")
    secret = keys.named("record")
    with tenant_transaction():
        row = ErasureRequest.objects.filter(id=request_id).first()
        if row is None:
            raise NotFound
        items = ErasureItem.objects.filter(request_id=request_id).order_by()
        steps = dict(items.values_list("step").annotate(Count("id")))
    reason = open_text(secret, f"erasure:{row.id}:reason", row.sealed_reason)
    return Order(row, clock_of(row), steps, reason)


def deadlines(principal: Principal) -> Deadlines:
    """How the open requests stand, by one query (inside a transaction); retention's own have no law's clock."""
    may(principal, "erasure.read")
    asked = ErasureRequest.objects.filter(state__in=OPEN).exclude(basis=RETENTION)
    clocks = sorted(map(clock_of, asked), key=lambda each: each.due)
    late = sum(each.left < timedelta() for each in clocks)
    soon = sum(timedelta() <= each.left < SOON for each in clocks)
    return Deadlines(len(clocks), soon, late, clocks[0].due if clocks else None)


def certificate(principal: Principal, certificate_id: UUID) -> tuple[Certificate, dict[str, Any]]:
    """A certificate and what it says, without the log's proofs; raises `NotFound`. The look is an event."""
    may(principal, Act.CERTIFICATE_READ)
    with tenant_transaction():
        row = _certificate(certificate_id)
        record(principal, Act.CERTIFICATE_READ, target=Target("certificate", certificate_id))
    body: dict[str, Any] = json.loads(bytes(row.signed))["certificate"]
    return row, body


def certificate_file(principal: Principal, certificate_id: UUID) -> dict[str, Any]:
    """The file `memwrit verify certificate` reads; raises `NotSequenced` until the log has its events."""
    may(principal, Act.CERTIFICATE_READ)
    with tenant_transaction():
        row = _certificate(certificate_id)
        record(principal, Act.CERTIFICATE_READ, target=Target("certificate", certificate_id))
        return file_of(row)


def holds(principal: Principal, *, state: str | None, before: UUID | None, limit: int) -> list[tuple[LegalHold, str]]:
    """Up to `limit` + 1 holds with their names, newest first."""
    may(principal, "hold.read")
    secret = keys.named("record")
    with tenant_transaction():
        rows = list(LegalHold.objects.filter(**_given(state=state, id__lt=before)).order_by("-id")[: limit + 1])
    return [(row, open_text(secret, name_place(row), row.sealed_name) or "") for row in rows]


def hold(principal: Principal, hold_id: UUID) -> tuple[Held, str | None]:
    """One hold, how many records it covers, and why it was released; raises `NotFound`."""
    may(principal, "hold.read")
    secret = keys.named("record")
    with tenant_transaction():
        row = LegalHold.objects.filter(id=hold_id).first()
        if row is None:
            raise NotFound
        records = covered(row)
    name = open_text(secret, name_place(row), row.sealed_name) or ""
    return Held(row, name, records), open_text(secret, f"hold:{row.id}:reason", row.sealed_reason)


def certificates_of(request_id: UUID) -> Sequence[Certificate]:
    """Every certificate a request was given, newest first (inside a transaction)."""
    return list(Certificate.objects.filter(request_id=request_id).order_by("-id"))


def _certificate(certificate_id: UUID) -> Certificate:
    row: Certificate | None = Certificate.objects.filter(id=certificate_id).first()
    if row is None:
        raise NotFound
    return row


def _given(**conditions: Any) -> dict[str, Any]:
    return {name: value for name, value in conditions.items() if value is not None}

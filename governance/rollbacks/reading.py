"""What is shown of rollbacks: how far they are, what became of each record, which searches handed bad versions out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from foundation.kernel.clock import now
from foundation.kernel.principal import Principal
from foundation.kernel.problems import NotFound
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from governance.models import MemCube, Operation
from governance.rollbacks.models import Rollback, RollbackItem
from governance.rollbacks.planning import selection_of
from governance.rollbacks.retrievals import Handed, retrievals
from governance.rollbacks.taint import tainted
from governance.sealed import open_text
from tenants.policy import may, reachable_spaces

S = Rollback.State
PLANS = (S.PLANNED, S.APPROVED)


@dataclass(frozen=True, slots=True)
class Told:
    """One rollback with its reason, its operation once it has one, and how many of its records are at which step."""

    rollback: Rollback
    state: str
    reason: str | None = None
    operation: Operation | None = None
    steps: Mapping[str, int] = field(default_factory=dict)


def reason_place(rollback: Rollback) -> str:
    return f"rollback:{rollback.id}:reason"


def state_of(rollback: Rollback) -> str:
    """How it stands now: a plan whose time is over has expired, whatever its row says."""
    over = rollback.state in PLANS and rollback.expires_at <= now()
    return S.EXPIRED.value if over else str(rollback.state)


def rollbacks(principal: Principal, *, state: str | None) -> Any:
    """The rollbacks within reach that are in that state, as `state_of` tells it (a query, inside a transaction)."""
    may(principal, "rollback.read")
    rows, over = _within_reach(principal), Q(state__in=PLANS, expires_at__lte=now())
    if state is None:
        return rows
    return rows.filter(over) if state == S.EXPIRED else rows.filter(state=state).exclude(over)


def rollback_of(principal: Principal, rollback_id: UUID) -> Rollback:
    """One of them; raises `NotFound` (inside a transaction)."""
    may(principal, "rollback.read")
    return _one(principal, rollback_id)


def told(principal: Principal, rollback_id: UUID) -> Told:
    """One rollback with all that its page shows; raises `NotFound`."""
    secret = keys.named("record")
    with tenant_transaction():
        row = rollback_of(principal, rollback_id)
        operation = Operation.objects.filter(id=row.operation_id).first() if row.operation_id else None
        steps = dict(items_of(row).order_by().values_list("step").annotate(Count("id")))
    reason = open_text(secret, reason_place(row), row.sealed_reason)
    return Told(row, state_of(row), reason, operation, steps)


def items_of(rollback: Rollback) -> Any:
    """Its records (a query, inside a transaction)."""
    return RollbackItem.objects.filter(rollback_id=rollback.id)


def handed_out(principal: Principal, rollback_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Handed]:
    """Up to `limit` + 1 searches that handed out what is bad by this order, newest first."""
    may(principal, "retrieval.read")
    with tenant_transaction():
        places = tainted(selection_of(_one(principal, rollback_id)))
        return retrievals(places, before=before, limit=limit)


def _within_reach(principal: Principal) -> Any:
    """Those of which the principal reaches every record and the space that was chosen."""
    rows, reach = Rollback.objects.all(), reachable_spaces(principal)
    if reach is None:
        return rows
    beyond = MemCube.objects.exclude(space_id__in=reach).values("id")
    items = RollbackItem.objects.filter(memcube_id__in=beyond).values("rollback_id")
    return rows.filter(Q(space_id=None) | Q(space_id__in=reach)).exclude(id__in=items)


def _one(principal: Principal, rollback_id: UUID) -> Rollback:
    row: Rollback | None = _within_reach(principal).filter(id=rollback_id).first()
    if row is None:
        raise NotFound
    return row

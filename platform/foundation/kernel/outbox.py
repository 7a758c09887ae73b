"""The outbox of work: the queue of record is the database.

A change and the work it owes are one transaction. The relay leases due items (its role sees ids and due times only);
the work runs as the application, in the tenant's scope. Handlers are idempotent: an item may run twice. A failing item
is tried again with growing delays and, after `MOST_ATTEMPTS`, stays visible as dead.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.kernel.models import WorkItem
from foundation.kernel.rows import insert
from foundation.kernel.scope import UnitOfWork, current_work, tenant_scope, tenant_transaction

CHANNEL = "memwrit_work"
MOST_ATTEMPTS = 12
SLOW = "slow"
"""The queue of work that waits for strangers. A worker may run it apart, so that it holds up nothing else."""
LEASE = timedelta(minutes=5)
Handler = Callable[[Sequence[dict[str, Any]]], None]

log = logging.getLogger(__name__)
_handlers: dict[str, Handler] = {}


@dataclass(frozen=True, slots=True)
class Lease:
    """One leased item: nothing but what the relay may see."""

    tenant_id: UUID
    id: UUID
    kind: str


def handles(kind: str) -> Callable[[Handler], Handler]:
    """Register the handler of `kind`. It gets the refs of one or more items of one tenant, inside its scope and
    outside any transaction, and must be idempotent."""

    def register(handler: Handler) -> Handler:
        _handlers[kind] = handler
        return handler

    return register


def enqueue(kind: str, ref: dict[str, Any], *, due: datetime | None = None, queue: str = "index") -> UUID:
    """Owe `kind` for `ref` (ids only) once the open transaction commits."""
    return enqueue_many(kind, [ref], due=due, queue=queue)[0]


def enqueue_many(
    kind: str, refs: Sequence[dict[str, Any]], *, due: datetime | None = None, queue: str = "index"
) -> list[UUID]:
    """Owe `kind` once for each of `refs`."""
    work, at = current_work(), due or now()
    items = [WorkItem(id=uuid7(), kind=kind, queue=queue, ref=ref, due=at) for ref in refs]
    insert(items)
    if not work.state.setdefault("nudges", False):
        work.state["nudges"] = True
        work.before_commit(_nudge)
    return [item.id for item in items]


def run_due(limit: int = 200, *, slow: bool | None = None) -> int:
    """Lease and run up to `limit` due items, every tenant getting its turn; returns how many were leased.

    `slow`: only the slow queue, or all but that one; None means both.
    """
    leases = lease_due(limit, slow=slow)
    groups: dict[tuple[UUID, str], list[UUID]] = defaultdict(list)
    for lease in leases:
        groups[lease.tenant_id, lease.kind].append(lease.id)
    for (tenant_id, kind), ids in groups.items():
        run_items(tenant_id, kind, ids)
    return len(leases)


def lease_due(limit: int, *, slow: bool | None = None) -> list[Lease]:
    """Put `limit` due items out of others' reach for a lease, round-robin over the tenants."""
    with transaction.atomic(using="relay"), connections["relay"].cursor() as cursor:
        cursor.execute(_LEASE, [LEASE.total_seconds(), SLOW, slow is not True, slow is not False, limit])
        return [Lease(*row) for row in cursor.fetchall()]


def run_items(tenant_id: UUID, kind: str, ids: Sequence[UUID]) -> None:
    """Run items of one kind together; if that fails, each alone, so that one bad item holds up no other."""
    with tenant_scope(tenant_id):
        if _attempt(kind, ids) or len(ids) == 1:
            return
        for item_id in ids:
            _attempt(kind, [item_id])


def waiting(tenant_id: UUID) -> int:
    """How many items the tenant is still owed (dead ones not counted)."""
    with tenant_scope(tenant_id), tenant_transaction():
        return WorkItem.objects.filter(state=WorkItem.State.DUE).count()


def _attempt(kind: str, ids: Sequence[UUID]) -> bool:
    with tenant_transaction():
        refs = list(WorkItem.objects.filter(id__in=ids).order_by("id").values_list("ref", flat=True))
    try:
        if refs:
            _handlers[kind](refs)
    except Exception as error:
        # The exception's text may hold content: only its class is kept.
        log.warning("work failed: kind=%s items=%d error=%s", kind, len(ids), type(error).__name__)
        if len(ids) == 1:
            _postpone(ids[0], type(error).__name__)
        return False
    with tenant_transaction():
        WorkItem.objects.filter(id__in=ids).delete()
    return True


def _postpone(item_id: UUID, failure: str) -> None:
    with tenant_transaction():
        item = WorkItem.objects.select_for_update().filter(id=item_id).first()
        if item is None:
            return
        item.attempts += 1
        item.failure = failure[:64]
        item.due = now() + timedelta(seconds=min(2**item.attempts, 600))
        item.state = WorkItem.State.DEAD if item.attempts >= MOST_ATTEMPTS else WorkItem.State.DUE
        item.save()


def _nudge(work: UnitOfWork) -> None:
    with connections[work.using].cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")


_LEASE = """
UPDATE kernel_workitem SET due = now() + make_interval(secs => %s)
 WHERE (tenant_id, id) IN (
   SELECT tenant_id, id FROM kernel_workitem
    WHERE (tenant_id, id) IN (
      SELECT tenant_id, id FROM (
        SELECT tenant_id, id, due, row_number() OVER (PARTITION BY tenant_id ORDER BY due, id) AS turn
          FROM kernel_workitem WHERE state = 'due' AND due <= now()
           AND CASE WHEN queue <> %s THEN %s::boolean ELSE %s::boolean END) AS turns
       ORDER BY turn, due LIMIT %s)
    FOR UPDATE SKIP LOCKED)
   AND state = 'due' AND due <= now()
RETURNING tenant_id, id, kind
"""

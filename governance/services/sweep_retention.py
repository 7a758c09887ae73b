"""Erase what has passed its maximum, batch by batch, and let go on what nothing keeps any more.

A batch is an erasure like any other: frozen, destroyed, probed, certified, noted in the ledger. It is planned and
ordered here in one transaction, and run by the workers of the queue, which are fair between tenants; a tenant has one
batch under way at a time. So nothing is lost by a kill anywhere, and nothing is done twice. Needs the eraser's
credentials.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal
from foundation.kernel.scope import current_tenant, tenant_transaction
from governance.cascade import Selection, cascade
from governance.holds import held_by_any
from governance.models import ErasureRequest, MemCube, RetentionPolicyRecord, State
from governance.retention.keeping import Schedule, schedule
from governance.services.plan_erasure import draft, save
from governance.services.retire import retire
from governance.services.run_erasure import resume_after_minimum

BASIS = "retention"
BATCH = 500
LEFT_OVER = 100
PATIENCE = timedelta(minutes=10)
"""How long the work that a delete or an expiry owes is left to its own worker."""
STUCK = timedelta(hours=24)
"""A batch that takes longer has failed for good, which its own alarm tells: the others go on."""


def sweep_retention() -> int:
    """One step for the tenant in scope; how many records were ordered to be erased. Idempotent."""
    with tenant_transaction():
        if RetentionPolicyRecord.objects.select_for_update().order_by("id").first() is None:  # one sweep at a time
            return 0
        policies = schedule()
        resume_after_minimum(policies)
        ordered = _erase_over(policies)
        left = _left_over(policies)
    retire(left)
    return ordered


def _erase_over(policies: Schedule) -> int:
    """Order the erasure of the oldest records that are over and that nothing keeps (inside a transaction)."""
    running = ErasureRequest.objects.filter(basis=BASIS, state=ErasureRequest.State.RUNNING)
    if running.filter(created_at__gt=now() - STUCK).exists():
        return 0
    ids = list(over(policies).order_by("created_at").values_list("id", flat=True)[:BATCH])
    if ids:
        _order(ids, policies)
    return len(ids)


def over(policies: Schedule) -> Any:
    """The records that have passed their maximum and that neither a hold nor a minimum keeps (a query)."""
    at = now()
    living = MemCube.objects.exclude(state=State.FORGOTTEN).filter(frozen=False)
    return living.filter(policies.is_over(at)).exclude(policies.is_kept(at)).exclude(held_by_any())


def _order(ids: list[UUID], policies: Schedule) -> None:
    principal = Principal.system(current_tenant())
    selection = Selection(memcube_ids=tuple(ids))
    planned = cascade(selection, lambda derived: scheduled(derived, policies))
    request = draft(principal, selection, BASIS)
    request.manifest, request.counts, request.state = planned.manifest, planned.counts, ErasureRequest.State.RUNNING
    save(request, planned)
    cited = sorted({(str(each.policy.id), each.policy.version) for each in policies.spaces.values()})
    detail = {"basis": BASIS, "counts": planned.counts, "policies": [list(each) for each in cited]}
    record(principal, Act.ERASURE_REQUEST, target=Target("erasure", request.id, None), detail=detail)
    enqueue("erasure.run", {"request": str(request.id), "operation": None}, queue="forget")


def scheduled(ids: Collection[UUID], policies: Schedule) -> set[UUID]:
    """Those of the records whose own rules say how long they stay: they do not go with what they were derived from."""
    cubes = list(MemCube.objects.filter(id__in=list(ids)))
    return {cube.id for cube in cubes if policies.over_at(cube)} | policies.kept(cubes).keys()


def _left_over(policies: Schedule) -> list[UUID]:
    """Withdrawn and expired records whose minimum has passed, or whose work was lost (inside a transaction)."""
    late = now() - PATIENCE
    ended = Q(state=State.WITHDRAWN, erase_at__lte=late) | Q(expires_at__lte=late)
    living = MemCube.objects.exclude(state=State.FORGOTTEN).filter(ended, frozen=False)
    free = living.exclude(policies.is_kept(now())).exclude(held_by_any())
    return list(free.order_by("id").values_list("id", flat=True)[:LEFT_OVER])

"""Approve a planned rollback: one more person's word that it may run."""

from uuid import UUID

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.principal import Principal
from foundation.kernel.scope import tenant_transaction
from foundation.rest import idempotency
from governance.plans import lock_plan
from governance.rollbacks.models import Rollback
from governance.rollbacks.reading import rollback_of
from tenants.policy import Resource, may
from tenants.roles import POLICY

S = Rollback.State


def approve_rollback(principal: Principal, *, rollback_id: UUID) -> Rollback:
    """The approved plan. Raises `NotFound` (also for what is out of reach), `AlreadyDecided` once it is no longer a
    plan, `PlanExpired`, and `PolicyDenied` to who ordered it."""
    may(principal, Act.ROLLBACK_APPROVE)
    with tenant_transaction():
        rollback_of(principal, rollback_id)
        rollback = lock_plan(Rollback, rollback_id, (S.PLANNED,))
        may(principal, Act.ROLLBACK_APPROVE, Resource(None, requested_by=rollback.requested_by))
        event = record(principal, Act.ROLLBACK_APPROVE, target=Target("rollback", rollback.id, None), policy=POLICY)
        rollback.approved_by = [*rollback.approved_by, principal.id]
        rollback.event_ids = [*rollback.event_ids, event.id]
        rollback.state = S.APPROVED
        rollback.save(force_update=True)
        idempotency.complete(rollback.id, 200)
    return rollback

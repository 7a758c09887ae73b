"""Approve an erasure request: one more person's word that it may run."""

from uuid import UUID

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.principal import Principal
from foundation.kernel.scope import tenant_transaction
from foundation.rest import idempotency
from governance.models import ErasureRequest
from governance.plans import lock_plan
from tenants.policy import Resource, may
from tenants.roles import POLICY

S = ErasureRequest.State


def approve_erasure(principal: Principal, *, request_id: UUID) -> ErasureRequest:
    """The approved request. Raises `AlreadyDecided` once it is no longer a plan."""
    may(principal, Act.ERASURE_APPROVE)
    with tenant_transaction():
        request = lock_plan(ErasureRequest, request_id, (S.PLANNED,))
        may(principal, Act.ERASURE_APPROVE, Resource(None, requested_by=request.requested_by))
        request.approved_by = [*request.approved_by, principal.id]
        request.state = S.APPROVED
        request.save(force_update=True)
        record(principal, Act.ERASURE_APPROVE, target=Target("erasure", request.id, None), policy=POLICY)
        idempotency.complete(request.id, 200)
    return request

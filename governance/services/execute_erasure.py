"""Order a planned erasure to run: the same things, or none."""

from uuid import UUID

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal
from foundation.kernel.problems import ManifestChanged
from foundation.kernel.scope import tenant_transaction
from foundation.rest import idempotency
from governance.cascade import cascade
from governance.models import ErasureRequest, Operation
from governance.plans import lock_plan
from governance.services.plan_erasure import selection_of
from tenants.policy import may
from tenants.roles import POLICY

S = ErasureRequest.State


def execute_erasure(principal: Principal, *, request_id: UUID, expected_manifest: str) -> Operation:
    """Start the erasure; its operation tells how far it is. Raises `ManifestChanged` when the plan would do something
    else by now."""
    may(principal, Act.ERASURE_EXECUTE)
    with tenant_transaction():
        request = lock_plan(ErasureRequest, request_id, (S.PLANNED, S.APPROVED))
        if not expected_manifest == request.manifest == cascade(selection_of(request)).manifest:
            raise ManifestChanged
        operation = Operation(kind="erasure", total=len(STEPS))
        operation.save(force_insert=True)
        request.state = S.RUNNING
        request.save(force_update=True)
        record(principal, Act.ERASURE_EXECUTE, target=Target("erasure", request.id, None), policy=POLICY)
        idempotency.complete(operation.id, 202)
        enqueue("erasure.run", {"request": str(request.id), "operation": str(operation.id)}, queue="forget")
    return operation


STEPS = ("freeze", "destroy", "probe", "certify")

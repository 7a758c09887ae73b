"""Order a planned rollback to run: the same things, or none."""

from uuid import UUID

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal
from foundation.kernel.problems import ManifestChanged
from foundation.kernel.scope import tenant_transaction
from foundation.rest import idempotency
from governance.models import Operation
from governance.plans import lock_plan
from governance.rollbacks.models import Rollback
from governance.rollbacks.planning import plan, selection_of
from governance.rollbacks.reading import rollback_of
from governance.services.plan_rollback import check_reach
from tenants.policy import may
from tenants.roles import POLICY

S = Rollback.State


def execute_rollback(principal: Principal, *, rollback_id: UUID, expected_manifest: str) -> Operation:
    """Start the rollback; its operation tells how far it is. It runs in the principal's name, as far as he may act
    then. Raises `NotFound`, `AlreadyDecided`, `PlanExpired`, `PolicyDenied` to who does not reach all of it, and
    `ManifestChanged` when it would do something else by now."""
    may(principal, Act.ROLLBACK_EXECUTE)
    with tenant_transaction():
        rollback_of(principal, rollback_id)
        rollback = lock_plan(Rollback, rollback_id, (S.PLANNED, S.APPROVED))
        planned = plan(selection_of(rollback))
        if not expected_manifest == rollback.manifest == planned.manifest:
            raise ManifestChanged
        check_reach(principal, planned)
        operation = Operation(kind="rollback", total=len(planned.undoings))
        operation.save(force_insert=True)
        event = record(principal, Act.ROLLBACK_EXECUTE, target=Target("rollback", rollback.id, None), policy=POLICY)
        rollback.state, rollback.executed_by, rollback.operation_id = S.RUNNING, principal.id, operation.id
        rollback.event_ids = [*rollback.event_ids, event.id]
        rollback.save(force_update=True)
        idempotency.complete(operation.id, 202)
        enqueue("rollback.run", {"rollback": str(rollback.id)}, queue="forget")
    return operation

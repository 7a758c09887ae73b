"""Tell what became of acting on a memory: its voice's trust learns from it, its strength, and maybe a lesson."""

from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.principal import Principal
from foundation.kernel.scope import tenant_transaction
from foundation.rest import idempotency
from governance.lessons import owe_outcome
from governance.models import Citation, MemCube, Version
from governance.selectors import reach_cube
from guard.trust import Kind, note_outcomes
from tenants.roles import POLICY

OUTCOMES = {"success": Kind.CONFIRMED, "failure": Kind.REFUTED}


def give_feedback(principal: Principal, *, memory_id: UUID, outcome: str) -> tuple[MemCube, dict[str, Any]]:
    """The record and the receipt. A writer's word on its own memory is recorded, and counts for nothing."""
    with tenant_transaction():
        cube = reach_cube(principal, MemCube.objects.filter(id=memory_id).first(), Act.MEMORY_FEEDBACK)
        version = Version.objects.get(memcube_id=cube.id, number=cube.version)
        if principal.id not in (version.principal_id, cube.owner_id):
            speaker = (bytes(version.source_key), version.principal_id)
            note_outcomes({speaker: {str(principal.id)}}, OUTCOMES[outcome])
            told = {"success": outcome == "success", "at": now()}
            Citation.objects.update_or_create(memcube_id=cube.id, principal_id=principal.id, defaults=told)
        target = Target("memory", cube.id, cube.version)
        event = record(principal, Act.MEMORY_FEEDBACK, target=target, outcome=outcome, policy=POLICY)
        owe_outcome(cube, principal.id, success=outcome == "success")
        idempotency.complete(cube.id, 200)
    return cube, receipt(event)

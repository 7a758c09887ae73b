"""Withdraw a memory: out of every read at once, restorable by rollback until its space's grace ends."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal
from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag, require_match
from foundation.telemetry import Name
from governance import lifecycle
from governance.holds import refuse_held
from governance.indexing import unindex
from governance.measured import changes
from governance.models import MemCube, Space, State
from governance.retention.keeping import refuse_kept
from governance.selectors import reach_cube


@dataclass(frozen=True, slots=True)
class Withdrawal:
    cube: MemCube
    erase_at: datetime
    receipt: dict[str, Any]


@changes(Name.DELETE)
def withdraw(principal: Principal, *, memory_id: UUID, if_match: str) -> Withdrawal:
    """Withdraw the memory that still has this ETag. Raises `LegalHold`, `MinimumRetention`, `VersionConflict`,
    or what reaching raises."""
    with tenant_transaction():
        cube = reach_cube(principal, lifecycle.lock(memory_id), Act.MEMORY_WITHDRAW)
        require_match(if_match, etag(cube.version, cube.rev))
        refuse_held(cube)
        refuse_kept(cube)
        erase_at = now() + Space.objects.get(id=cube.space_id).delete_grace
        change = lifecycle.change(
            cube, act=Act.MEMORY_WITHDRAW, principal=principal, state=State.WITHDRAWN, erase_at=erase_at
        )
        unindex([cube.id])
        enqueue("memory.retire", {"ids": [str(cube.id)]}, due=erase_at, queue="forget")
        event = record(principal, Act.MEMORY_WITHDRAW, target=Target("memory", cube.id, cube.version), changes=[change])
    return Withdrawal(cube, erase_at, receipt(event))

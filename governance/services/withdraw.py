"""Withdraw a memory: out of every read at once, restorable by rollback until its space's grace ends."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.principal import Principal
from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag, require_match
from foundation.telemetry import Name
from governance import lifecycle
from governance.holds import refuse_held
from governance.measured import changes
from governance.models import MemCube
from governance.retention.keeping import refuse_kept
from governance.selectors import reach_cube
from governance.withdrawing import tombstone


@dataclass(frozen=True, slots=True)
class Withdrawal:
    cube: MemCube
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
        change = tombstone(principal, cube)
        event = record(principal, Act.MEMORY_WITHDRAW, target=Target("memory", cube.id, cube.version), changes=[change])
    return Withdrawal(cube, receipt(event))

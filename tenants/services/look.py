"""Record that a known principal looked at something."""

from __future__ import annotations

from uuid import UUID

from audit.acts import Act
from audit.event import Target
from audit.services.record import record as record_event
from foundation.kernel.principal import Principal
from foundation.kernel.scope import tenant_transaction
from tenants.roles import POLICY


def record(principal: Principal, act: str, *, target: UUID | None = None) -> None:
    """One event of the act's own name, in a transaction of its own."""
    with tenant_transaction():
        found = Target(act.partition(".")[0], target) if isinstance(target, UUID) else None
        record_event(principal, Act(act), target=found, outcome="ok", policy=POLICY)

"""Record that a known principal was refused."""

from __future__ import annotations

from uuid import UUID

from audit.acts import Act
from audit.event import Target
from audit.services.record import record as record_event
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Problem
from foundation.kernel.scope import tenant_transaction
from tenants.roles import POLICY


def record(principal: Principal, act: str, problem: Problem, *, target: UUID | None = None) -> None:
    """One `auth.deny` event in a transaction of its own: the refused act's has been undone."""
    with tenant_transaction():
        record_event(
            principal,
            Act.AUTH_DENY,
            target=Target("resource", target) if isinstance(target, UUID) else None,
            outcome="denied",
            policy=POLICY,
            detail={"act": act, "problem": problem.slug},
        )

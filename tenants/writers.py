"""Who wrote something, as he may act now: for work that goes on in his name after his request has ended."""

from __future__ import annotations

from uuid import UUID

from foundation.kernel.principal import Principal, PrincipalKind, Role
from foundation.kernel.problems import Problem
from foundation.kernel.scope import current_tenant
from tenants.policy import Resource, may
from tenants.selectors import valid_keys


def writer(principal_id: UUID, act: str, resource: Resource) -> Principal | None:
    """The principal by the credential of his that reaches furthest, of those that are valid and allow `act` on
    `resource`; None if there is none (any more). Inside `tenant_transaction`."""
    found = [_principal(key) for key in valid_keys(principal_id)]
    able = [each for each in found if _may(each, act, resource)]
    return max(able, key=lambda each: (not each.spaces, len(each.spaces), str(each.key_id)), default=None)


def _principal(key: object) -> Principal:
    return Principal(
        id=key.principal_id,  # type: ignore[attr-defined]
        tenant_id=current_tenant(),
        kind=PrincipalKind(key.kind),  # type: ignore[attr-defined]
        role=Role(key.role),  # type: ignore[attr-defined]
        spaces=frozenset(key.spaces),  # type: ignore[attr-defined]
        name=key.name,  # type: ignore[attr-defined]
        key_id=key.id,  # type: ignore[attr-defined]
    )


def _may(principal: Principal, act: str, resource: Resource) -> bool:
    try:
        may(principal, act, resource)
    except Problem:
        return False
    return True

"""Who wrote something, as he may act now: for work that goes on in his name after his request has ended."""

from __future__ import annotations

from uuid import UUID

from foundation.kernel.principal import Principal
from foundation.kernel.problems import Problem
from tenants.policy import Resource, may
from tenants.selectors import credentials_of


def writer(principal_id: UUID, act: str, resource: Resource) -> Principal | None:
    """The principal by the credential of his that reaches furthest, of those that are valid and allow `act` on
    `resource`; None if there is none (any more). Inside `tenant_transaction`."""
    able = [each for each in credentials_of(principal_id) if _may(each, act, resource)]
    return max(able, key=lambda each: (not each.spaces, len(each.spaces), str(each.key_id)), default=None)


def _may(principal: Principal, act: str, resource: Resource) -> bool:
    try:
        may(principal, act, resource)
    except Problem:
        return False
    return True

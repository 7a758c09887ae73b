"""Count what a tenant uses, and stop it at its quota."""

from __future__ import annotations

import random

from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Principal
from foundation.kernel.problems import QuotaExceeded
from foundation.kernel.rows import execute, first
from foundation.kernel.scope import current_work
from tenants.models import Quota, Resource
from tenants.selectors import period, used

STRIPES = 8
_ADD = """INSERT INTO tenants_usage (id, tenant_id, resource, period, stripe, used) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, resource, period, stripe) DO UPDATE SET used = tenants_usage.used + excluded.used"""


def count(principal: Principal, resource: Resource, n: int = 1) -> None:
    """Add `n` (negative gives back) to the tenant's use, in the open transaction; raises `QuotaExceeded` (429).

    Under a quota the quota's row is locked to the end of the transaction, so the sum is exact; without one, writers
    add to one of eight rows and seldom meet. Count several resources of one transaction in the order of `Resource`.
    """
    assert current_work().tenant_id == principal.tenant_id
    quota = first(Quota, "resource = %s AND ceiling IS NOT NULL", [resource.value], last="FOR UPDATE")
    if quota is not None and n > 0 and used(resource) + n > quota.ceiling:
        raise QuotaExceeded(extra={"resource": resource.value, "limit": quota.ceiling})
    _add(resource, n, 0 if quota is not None else random.randrange(STRIPES))  # noqa: S311 — spreads load, no secret


def _add(resource: Resource, n: int, stripe: int) -> None:
    execute(_ADD, [uuid7(), current_work().tenant_id, resource.value, period(resource), stripe, n])

"""Count what a tenant uses, and stop it at its quota."""

from __future__ import annotations

import random

from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Principal
from foundation.kernel.problems import QuotaExceeded
from foundation.kernel.rows import execute
from foundation.kernel.scope import current_work
from tenants.models import Resource
from tenants.selectors import period, used

STRIPES = 8
_ADD = """INSERT INTO tenants_usage (id, tenant_id, resource, period, stripe, used)
SELECT %(id)s, %(tenant)s, %(resource)s, %(period)s, %(stripe)s, %(n)s {unless}
ON CONFLICT (tenant_id, resource, period, stripe) DO UPDATE SET used = tenants_usage.used + excluded.used"""
_ADD_BOUNDED = _ADD.format(unless="")
_ADD_UNBOUNDED = f"""WITH bound AS (SELECT ceiling FROM tenants_quota
  WHERE tenant_id = %(tenant)s AND resource = %(resource)s AND ceiling IS NOT NULL FOR UPDATE),
added AS ({_ADD.format(unless="WHERE NOT EXISTS (SELECT FROM bound)")})
SELECT ceiling FROM bound"""  # noqa: S608 — a constant
"""Adds where there is no quota; else it locks the quota, tells its ceiling and adds nothing."""


def count(principal: Principal, resource: Resource, n: int = 1) -> None:
    """Add `n` (negative gives back) to the tenant's use, in the open transaction; raises `QuotaExceeded` (429).

    Under a quota the quota's row is locked to the end of the transaction, so the sum is exact; without one, writers
    add to one of eight rows and seldom meet. Count several resources of one transaction in the order of `Resource`.
    """
    assert current_work().tenant_id == principal.tenant_id
    added = _added(resource, n)
    bound = execute(_ADD_UNBOUNDED, added | {"stripe": random.randrange(STRIPES)})  # noqa: S311 — spreads load, no secret
    if not bound:
        return
    # The sum is taken by a statement after the lock: it sees what was added while the lock was waited for.
    ((ceiling,),) = bound
    if n > 0 and used(resource) + n > ceiling:
        raise QuotaExceeded(extra={"resource": resource.value, "limit": ceiling})
    execute(_ADD_BOUNDED, added | {"stripe": 0})


def _added(resource: Resource, n: int) -> dict[str, object]:
    tenant = current_work().tenant_id
    return {"id": uuid7(), "tenant": tenant, "resource": resource.value, "period": period(resource), "n": n}

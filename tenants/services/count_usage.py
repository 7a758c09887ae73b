"""Count what a tenant uses, and stop it at its quota."""

from __future__ import annotations

import random

from django.db.models import F

from foundation.kernel.principal import Principal
from foundation.kernel.problems import QuotaExceeded
from foundation.kernel.scope import current_work
from tenants.models import Quota, Resource, Usage
from tenants.selectors import period, used

STRIPES = 8


def count(principal: Principal, resource: Resource, n: int = 1) -> None:
    """Add `n` (negative gives back) to the tenant's use, in the open transaction; raises `QuotaExceeded` (429).

    Under a quota the quota's row is locked to the end of the transaction, so the sum is exact; without one, writers
    add to one of eight rows and seldom meet. Count several resources of one transaction in the order of `Resource`.
    """
    assert current_work().tenant_id == principal.tenant_id
    quota = Quota.objects.select_for_update().filter(resource=resource, ceiling__isnull=False).first()
    if quota is not None and n > 0 and used(resource) + n > quota.ceiling:
        raise QuotaExceeded(extra={"resource": resource.value, "limit": quota.ceiling})
    _add(resource, n, 0 if quota is not None else random.randrange(STRIPES))  # noqa: S311 — spreads load, no secret


def _add(resource: Resource, n: int, stripe: int) -> None:
    rows = Usage.objects.filter(resource=resource, period=period(resource), stripe=stripe)
    if rows.update(used=F("used") + n) == 0:
        first = Usage(resource=resource, period=period(resource), stripe=stripe)
        Usage.objects.bulk_create([first], ignore_conflicts=True)
        rows.update(used=F("used") + n)

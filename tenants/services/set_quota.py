"""Bound a resource of the tenant."""

from __future__ import annotations

from audit.acts import Act
from audit.event import Event, Target
from audit.services.record import record
from foundation.kernel import clock
from foundation.kernel.principal import Principal
from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag, require_match
from tenants.models import Quota, Resource
from tenants.policy import may, require_whole
from tenants.roles import POLICY
from tenants.selectors import Standing, standing


def set_quota(
    principal: Principal, *, resource: Resource, ceiling: int | None, if_match: str
) -> tuple[Standing, Event]:
    """Set (or with None lift) a ceiling. One below what is used already stops growth and takes nothing away.

    Raises `VersionConflict` when the quota was changed since it was read.
    """
    may(principal, "quota.change")
    require_whole(principal)
    with tenant_transaction():
        blank = Quota(resource=resource, ceiling=None, version=0)
        Quota.objects.bulk_create([blank], ignore_conflicts=True)
        quota = Quota.objects.select_for_update().get(resource=resource)
        require_match(if_match, etag(quota.version))
        quota.ceiling, quota.version, quota.changed_at = ceiling, quota.version + 1, clock.now()
        quota.save()
        detail = {"resource": resource.value, "ceiling": ceiling}
        target = Target("quota", quota.id, quota.version)
        event = record(principal, Act.QUOTA_CHANGE, target=target, outcome="ok", policy=POLICY, detail=detail)
        return standing(resource), event

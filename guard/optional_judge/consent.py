"""Whether the judge may be asked at all: the operator named one, and the tenant lets its texts go to it."""

from __future__ import annotations

from django.conf import settings

from foundation.kernel.scope import current_tenant, tenant_transaction
from guard.models import GuardPolicyVersion


def may_ask() -> bool:
    """Both have said yes. The tenant's own guard policy counts; without one, the operator's `JUDGE_TENANTS` speaks for
    it. Costs nothing where no judge is named.
    """
    if not settings.JUDGE_URL:
        return False
    with tenant_transaction():
        own = GuardPolicyVersion.objects.order_by("-number").values_list("optional_judge", flat=True).first()
    if own is not None:
        return bool(own)
    return "*" in settings.JUDGE_TENANTS or str(current_tenant()) in settings.JUDGE_TENANTS

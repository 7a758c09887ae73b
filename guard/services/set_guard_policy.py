"""Choose how the guard judges a tenant's memories. Every choice is a version; decisions cite theirs."""

from __future__ import annotations

from django.db import IntegrityError

from audit.acts import Act
from audit.event import Event, Target
from audit.services.record import record
from foundation.kernel.principal import Principal
from foundation.kernel.problems import VersionConflict
from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag, require_match
from guard.models import GuardPolicyVersion
from guard.selectors import newest_guard_policy
from tenants.policy import may
from tenants.roles import POLICY


def set_guard_policy(
    principal: Principal, *, alpha: float, optional_judge: bool, if_match: str
) -> tuple[GuardPolicyVersion, Event]:
    """The new version, in force for what is submitted from now on. `alpha` is the share of benign memories the tenant
    accepts to review. Raises `VersionConflict` when it was changed since it was read."""
    may(principal, Act.CONFIG_CHANGE)
    try:
        with tenant_transaction():
            newest = newest_guard_policy()
            number = newest.number if newest else 0
            require_match(if_match, etag(number))
            made = GuardPolicyVersion(
                number=number + 1, alpha=alpha, optional_judge=optional_judge, principal_id=principal.id
            )
            made.save(force_insert=True)
            target = Target("guard_policy", made.id, made.number)
            detail = {"alpha_ppm": round(alpha * 1_000_000), "optional_judge": optional_judge}
            return made, record(principal, Act.CONFIG_CHANGE, target=target, policy=POLICY, detail=detail)
    except IntegrityError:  # two at once: the other was first
        raise VersionConflict("The policy has changed since it was read.") from None

"""Every version of the tenant's policies, newest first. Nothing here is text that strangers wrote.

Every function works inside the tenant's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from guard.models import GuardPolicyVersion
from guard.pii.policy import PiiPolicy, Rule
from guard.selectors import PII_POLICIES


@dataclass(frozen=True, slots=True)
class Made:
    """One version of a PII policy, who made it and when."""

    policy: PiiPolicy
    principal_id: UUID
    created_at: datetime


def pii_versions(policy_id: UUID) -> list[Made]:
    """The versions of one policy; raises `NotFound`."""
    rows = PII_POLICIES.history(policy_id)
    return [Made(row.value(row.name), row.principal_id, row.created_at) for row in rows]


def guard_versions() -> list[GuardPolicyVersion]:
    """The versions of the tenant's choices for the guard; none where it never chose."""
    return list(GuardPolicyVersion.objects.order_by("-number"))


def said(policy: PiiPolicy) -> dict[str, str]:
    """What a version says, one line a thing it says it of: two versions differ where these do."""
    return {"mode": policy.mode.value, "otherwise": policy.default_action.value} | dict(map(_rule, policy.rules))


def differences(old: PiiPolicy, new: PiiPolicy) -> Sequence[tuple[str, str, str]]:
    """(of what, as it was, as it is), where two versions say something else; "" where one says nothing."""
    return told_apart(said(old), said(new))


def told_apart(before: Mapping[str, str], after: Mapping[str, str]) -> Sequence[tuple[str, str, str]]:
    """As `differences`, of whatever two versions say, one line a thing they say it of."""
    names = [*before, *(name for name in after if name not in before)]
    return [(name, before.get(name, ""), after.get(name, "")) for name in names if before.get(name) != after.get(name)]


def _rule(rule: Rule) -> tuple[str, str]:
    entity = rule.entity.value if rule.entity else "anything"
    shown = f", revealed to {', '.join(rule.reveal_to)}" if rule.reveal_to else ""
    return f"{entity} in {rule.path or 'everything'}", f"{rule.action.value}{shown}"

"""The tenant's retention policies: in force, and every version they had. Inside the tenant's transaction, but where it
says otherwise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from foundation.kernel.problems import FieldError, NotFound, Validation
from foundation.kernel.scope import tenant_transaction
from governance.models import RetentionPolicyRecord, Space
from governance.retention.keeping import RETENTION_POLICIES
from governance.retention.rules import RetentionPolicy


@dataclass(frozen=True, slots=True)
class Made:
    """One version of a policy, who made it and when; of one in force, the spaces that name it."""

    policy: RetentionPolicy
    principal_id: UUID
    created_at: datetime
    spaces: tuple[UUID, ...] = ()


def stored_policy(policy_id: UUID) -> Made:
    """The version in force of one policy, in a transaction of its own; raises `NotFound`."""
    with tenant_transaction():
        found = made(RETENTION_POLICIES.in_force().filter(policy_id=policy_id))
    if not found:
        raise NotFound
    return found[0]


def made(rows: Iterable[Any]) -> list[Made]:
    """Rows of `RETENTION_POLICIES.in_force()` as values."""
    rows = list(rows)
    naming = spaces_of([row.policy_id for row in rows])
    return [Made(row.value(row.name), row.principal_id, row.created_at, naming[row.policy_id]) for row in rows]


def versions(policy_id: UUID) -> list[Made]:
    """Every version of one policy, newest first; raises `NotFound`."""
    rows = RETENTION_POLICIES.history(policy_id)
    return [Made(row.value(row.name), row.principal_id, row.created_at) for row in rows]


def spaces_of(policy_ids: Sequence[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    """Which spaces name these policies."""
    found: dict[UUID, list[UUID]] = defaultdict(list)
    rows = Space.objects.filter(retention_policy_id__in=policy_ids, deleted_at=None).order_by("id")
    for space_id, policy_id in rows.values_list("id", "retention_policy_id"):
        found[policy_id].append(space_id)
    return {policy_id: tuple(found[policy_id]) for policy_id in policy_ids}


def require_policy(policy_id: UUID) -> None:
    """Raises `Validation` unless there is such a policy. In a transaction of its own."""
    with tenant_transaction():
        known = RetentionPolicyRecord.objects.filter(id=policy_id).exists()
    if not known:
        raise Validation(errors=[FieldError("/retention_policy_id", "unknown", "There is no such policy.")])

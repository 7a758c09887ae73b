"""What the guard is asked about: the tenant's PII policies, its choices and thresholds. In the tenant's scope."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from foundation.kernel.problems import FieldError, Integrity, NotFound, Validation
from foundation.kernel.rows import execute, select
from foundation.kernel.scope import current_work, tenant_transaction
from guard.models import CalibrationVersion, GuardPolicyVersion, PiiPolicyRecord, PiiPolicyVersion
from guard.pii.policy import DEFAULT, PiiPolicy
from guard.types import Calibration, GuardPolicy
from tenants.versioned_policies import Versioned

PII_POLICIES = Versioned("pii_policy", PiiPolicyRecord, PiiPolicyVersion)
_IN_FORCE = """SELECT (SELECT max(number) FROM guard_guardpolicyversion WHERE tenant_id = %(tenant)s),
(SELECT max(number) FROM guard_calibrationversion WHERE tenant_id = %(tenant)s)"""


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A version of a policy with its id and the moment it was made."""

    id: UUID
    policy: PiiPolicy
    created_at: datetime


def pii_policy(policy_id: UUID | None) -> PiiPolicy:
    """The policy in force under this id, or the default one; raises `Validation` for an id there is none of."""
    if policy_id is None:
        return DEFAULT
    with tenant_transaction():
        found = pii_policies([policy_id]).get(UUID(str(policy_id)))
    if found is None:
        raise Validation(errors=[FieldError("/pii_policy_id", "unknown", "There is no such policy.")])
    return found


def stored_policy(policy_id: UUID) -> StoredPolicy:
    """The version in force of one policy; raises `NotFound`."""
    with tenant_transaction():
        found = policies_in_force().filter(policy_id=policy_id).first()
    if found is None:
        raise NotFound
    return stored(found)


def policies_in_force() -> QuerySet[PiiPolicyVersion]:
    """The versions in force, one a policy, with `name`. Inside `tenant_transaction`."""
    return PII_POLICIES.in_force()


def pii_policies(ids: Iterable[UUID | None]) -> dict[UUID | None, PiiPolicy]:
    """The policies in force under these ids, and the default one under None. Inside `tenant_transaction`."""
    wanted = {policy_id for policy_id in ids if policy_id is not None}
    records = select(PiiPolicyRecord, "id = ANY(%s)", [list(wanted)]) if wanted else ()
    tenant = current_work().tenant_id
    return {None: DEFAULT} | {each.id: _pii_policy(tenant, each.id, each.version, each.name) for each in records}


def pii_policy_at(policy_id: UUID | None, number: int | None, name: str | None) -> PiiPolicy:
    """That version of a policy, of which `name` and `number` were read as in force; the default one for no policy.
    Raises `Integrity` for a policy that is not there. Inside `tenant_transaction`."""
    if policy_id is None:
        return DEFAULT
    if number is None or name is None:
        raise Integrity("A policy is missing.")
    return _pii_policy(current_work().tenant_id, policy_id, number, name)


def stored(row: Any) -> StoredPolicy:
    """A row of `policies_in_force` as a value."""
    return StoredPolicy(row.policy_id, row.value(row.name), row.created_at)


def in_force() -> tuple[GuardPolicy, Calibration]:
    """The tenant's choices and thresholds in force, or the shipped ones. Inside `tenant_transaction`.

    Versions never change, so only their numbers are read once they are known to this process.
    """
    tenant = current_work().tenant_id
    ((policy, thresholds),) = execute(_IN_FORCE, {"tenant": tenant})
    return _guard_policy(tenant, policy), _calibration(tenant, thresholds)


def guard_policy() -> GuardPolicy:
    """The tenant's choices in force, or the shipped ones. Inside `tenant_transaction`."""
    return in_force()[0]


@lru_cache(maxsize=4096)
def _pii_policy(tenant: UUID, policy_id: UUID, number: int, name: str) -> PiiPolicy:
    policy: PiiPolicy = PiiPolicyVersion.objects.get(policy_id=policy_id, number=number).value(name)
    return policy


@lru_cache(maxsize=4096)
def _guard_policy(tenant: UUID, number: int | None) -> GuardPolicy:
    return GuardPolicy() if number is None else GuardPolicyVersion.objects.get(number=number).value()


@lru_cache(maxsize=4096)
def _calibration(tenant: UUID, number: int | None) -> Calibration:
    return Calibration() if number is None else calibration(number)


def newest_guard_policy() -> GuardPolicyVersion | None:
    """The version in force, if the tenant ever chose. Inside `tenant_transaction`."""
    newest: GuardPolicyVersion | None = GuardPolicyVersion.objects.order_by("-number").first()
    return newest


def calibration(number: int | None = None) -> Calibration:
    """The tenant's calibration of that number (None: the newest), or none. Inside `tenant_transaction`."""
    rows = CalibrationVersion.objects.order_by("-number")
    found: CalibrationVersion | None = (rows if number is None else rows.filter(number=number)).first()
    return found.value() if found else Calibration()

"""Make an API key, and the principal that acts with it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.event import Event, Target
from audit.services.record import record
from foundation.kernel import clock
from foundation.kernel.principal import Principal, PrincipalKind, Role
from foundation.kernel.problems import FieldError, PolicyDenied, Validation
from foundation.kernel.scope import tenant_transaction
from foundation.rest import idempotency
from tenants import credentials
from tenants.models import ApiKey, PrincipalRecord, Resource
from tenants.names import require_name
from tenants.policy import may, require_reach
from tenants.roles import BOUND_TO_SPACES, CREDENTIAL_ROLES, POLICY
from tenants.services.count_usage import count


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `api_key` is its text: shown once, held nowhere."""

    key: ApiKey
    event: Event
    api_key: str = field(repr=False)


def create_key(
    principal: Principal,
    *,
    role: Role,
    name: str,
    spaces: Collection[UUID] = (),
    expires_at: datetime | None = None,
) -> NewKey:
    """A new key with a principal of its own. It never has more reach or life than its maker.

    Raises `PolicyDenied` (not an admin, or beyond the maker's reach), `Validation`, `QuotaExceeded`.
    """
    may(principal, "key.create")
    _require_form(role, spaces, expires_at)
    with tenant_transaction():
        require_within(principal, spaces, expires_at)
        kind = PrincipalKind.AGENT if role is Role.AGENT else PrincipalKind.SERVICE
        actor = PrincipalRecord(kind=kind, name=require_name(name), created_by=principal.id)
        actor.save(force_insert=True)
        made = issue(
            principal, Act.KEY_CREATE, principal_id=actor.id, role=role, name=name, spaces=spaces, expires_at=expires_at
        )
        idempotency.complete(made.key.id, 201)
    return made


def issue(principal: Principal, act: Act, **fields: Any) -> NewKey:
    """Store a fresh credential with `fields` and audit `act`. Inside `tenant_transaction`, all rights checked."""
    credential = credentials.fresh(principal.tenant_id)
    fields["spaces"] = sorted(fields["spaces"])
    key = ApiKey(key_id=credential.key_id, digest=credential.digest(), created_by=principal.id, **fields)
    key.save(force_insert=True)
    count(principal, Resource.API_KEYS)
    detail = {"principal_id": str(key.principal_id), "role": str(key.role), "spaces": [str(s) for s in key.spaces]}
    event = record(principal, act, target=Target("api_key", key.id), outcome="ok", policy=POLICY, detail=detail)
    return NewKey(key, event, credential.text())


def require_within(principal: Principal, spaces: Collection[UUID], expires_at: datetime | None) -> None:
    """Refuse a key that would reach further or live longer than its maker. Inside `tenant_transaction`."""
    require_reach(principal, spaces)
    if principal.key_id is None:
        return
    end = ApiKey.objects.values_list("expires_at", flat=True).filter(id=principal.key_id).first()  # a person has none
    if end is not None and (expires_at is None or expires_at > end):
        raise PolicyDenied("A key lives no longer than its maker.")


def _require_form(role: Role, spaces: Collection[UUID], expires_at: datetime | None) -> None:
    errors = []
    if role not in CREDENTIAL_ROLES:
        errors.append(FieldError("/role", "invalid-choice", "Not a role of credentials."))
    if role in BOUND_TO_SPACES and not spaces:
        errors.append(FieldError("/spaces", "required", "This role names at least one space."))
    if expires_at is not None and expires_at <= clock.now():
        errors.append(FieldError("/expires_at", "past", "In the past."))
    if errors:
        raise Validation(errors=errors)

"""Make PII policies and new versions of them. A version is never changed: decisions cite `name@version`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError

from audit.acts import Act
from audit.event import Event, Target
from audit.services.record import record
from foundation.kernel.principal import Principal
from foundation.kernel.problems import FieldError, NotFound, Validation
from foundation.kernel.scope import savepoint, tenant_transaction
from foundation.rest import idempotency
from foundation.rest.etags import etag, require_match
from guard.models import PiiPolicyRecord, PiiPolicyVersion
from guard.pii.entities import Entity
from guard.pii.policy import Action, Mode, Rule
from guard.selectors import StoredPolicy
from tenants.policy import may
from tenants.roles import POLICY


@dataclass(frozen=True, slots=True)
class Terms:
    """What a version says."""

    mode: Mode
    default_action: Action
    rules: tuple[Rule, ...] = ()


def create_pii_policy(principal: Principal, *, name: str, terms: Terms) -> tuple[StoredPolicy, Event]:
    """A new policy, version 1. Raises `Validation` when the name is taken or the rules contradict themselves."""
    may(principal, Act.CONFIG_CHANGE)
    check_terms(terms)
    policy = PiiPolicyRecord(name=name)
    with tenant_transaction():
        _save_new(policy)
        made, event = _add_version(principal, policy, terms)
        idempotency.complete(policy.id, 201)
    return made, event


def replace_pii_policy(
    principal: Principal, *, policy_id: UUID, if_match: str, name: str, terms: Terms
) -> tuple[StoredPolicy, Event]:
    """A new version, in force for what is admitted and read from now on; its name may not change (decisions cite it).

    Raises `NotFound`, `VersionConflict` when it was changed since it was read, and `Validation`.
    """
    may(principal, Act.CONFIG_CHANGE)
    check_terms(terms)
    with tenant_transaction():
        policy = PiiPolicyRecord.objects.select_for_update().filter(id=policy_id).first()
        if policy is None:
            raise NotFound
        require_match(if_match, etag(policy.version))
        if name != policy.name:
            raise Validation(errors=[FieldError("/name", "immutable", "A policy keeps its name.")])
        policy.version += 1
        policy.save(force_update=True)
        return _add_version(principal, policy, terms)


def _save_new(policy: PiiPolicyRecord) -> None:
    try:
        with savepoint():
            policy.save(force_insert=True)
    except IntegrityError as error:
        raise Validation(errors=[FieldError("/name", "taken", "A policy of this name exists.")]) from error


def _add_version(principal: Principal, policy: PiiPolicyRecord, terms: Terms) -> tuple[StoredPolicy, Event]:
    version = PiiPolicyVersion(
        policy_id=policy.id,
        number=policy.version,
        mode=terms.mode.value,
        default_action=terms.default_action.value,
        rules=[rule.as_json() for rule in terms.rules],
        principal_id=principal.id,
    )
    version.save(force_insert=True)
    target = Target("pii_policy", policy.id, policy.version)
    event = record(principal, Act.CONFIG_CHANGE, target=target, policy=POLICY, detail=_detail(terms))
    return StoredPolicy(policy.id, version.value(policy.name), version.created_at), event


def _detail(terms: Terms) -> dict[str, Any]:
    return {"mode": terms.mode.value, "default_action": terms.default_action.value, "rules": len(terms.rules)}


def check_terms(terms: Terms) -> None:
    """Refuse rules that could never hold: two for the same thing, a revealed value that is gone, a kept secret."""
    errors = []
    seen: set[tuple[Entity | None, str | None]] = set()
    for place, rule in enumerate(terms.rules):
        if (rule.entity, rule.path) in seen:
            errors.append(FieldError(f"/rules/{place}", "repeated", "Another rule says this of the same thing."))
        seen.add((rule.entity, rule.path))
        if rule.reveal_to and rule.action is not Action.PSEUDONYMISE:
            errors.append(FieldError(f"/rules/{place}/reveal_to", "irreversible", "Only pseudonyms can be revealed."))
        if rule.entity is Entity.SECRET and rule.action not in (Action.REDACT, Action.REJECT):
            errors.append(FieldError(f"/rules/{place}/action", "secret", "Secrets are redacted or rejected."))
    if errors:
        raise Validation(errors=errors)

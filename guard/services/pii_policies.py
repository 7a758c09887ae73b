"""Make PII policies and new versions of them. A version is never changed: decisions cite `name@version`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.event import Event
from foundation.kernel.principal import Principal
from foundation.kernel.problems import FieldError, Validation
from guard.pii.entities import Entity
from guard.pii.policy import Action, Mode, Rule
from guard.selectors import PII_POLICIES, StoredPolicy, stored


@dataclass(frozen=True, slots=True)
class Terms:
    """What a version says."""

    mode: Mode
    default_action: Action
    rules: tuple[Rule, ...] = ()


def create_pii_policy(principal: Principal, *, name: str, terms: Terms) -> tuple[StoredPolicy, Event]:
    """A new policy, version 1. Raises `Validation` when the name is taken or the rules contradict themselves."""
    check_terms(terms)
    made, event = PII_POLICIES.create(principal, name=name, says=_says(terms), detail=_detail(terms))
    return stored(made), event


def replace_pii_policy(
    principal: Principal, *, policy_id: UUID, if_match: str, name: str, terms: Terms
) -> tuple[StoredPolicy, Event]:
    """A new version, in force for what is admitted and read from now on. Raises as `Versioned.replace` does, and
    `Validation` when the rules contradict themselves."""
    check_terms(terms)
    told = {"says": _says(terms), "detail": _detail(terms)}
    made, event = PII_POLICIES.replace(principal, policy_id=policy_id, if_match=if_match, name=name, **told)
    return stored(made), event


def _says(terms: Terms) -> dict[str, Any]:
    rules = [rule.as_json() for rule in terms.rules]
    return {"mode": terms.mode.value, "default_action": terms.default_action.value, "rules": rules}


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

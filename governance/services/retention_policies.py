"""Make retention policies and new versions of them. A version is never changed: what was erased or kept cites it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from audit.event import Event
from foundation.kernel.principal import Principal
from foundation.kernel.problems import FieldError, Validation
from foundation.kernel.scope import tenant_transaction
from governance.models import Space
from governance.retention.keeping import RETENTION_POLICIES
from governance.retention.rules import Rule
from governance.retention.selectors import Made, stored_policy


def create_retention_policy(principal: Principal, *, name: str, rules: Sequence[Rule]) -> tuple[Made, Event]:
    """A new policy, version 1; it holds where a space names it. Raises `Validation`."""
    check_rules(rules)
    row, event = RETENTION_POLICIES.create(principal, name=name, says=_says(rules), detail=_detail(rules))
    return stored_policy(row.policy_id), event


def replace_retention_policy(
    principal: Principal, *, policy_id: UUID, if_match: str, name: str, rules: Sequence[Rule]
) -> tuple[Made, Event]:
    """A new version: what it keeps is kept at once, what is over by it is erased from a day later on. Raises as
    `Versioned.replace` does."""
    check_rules(rules)
    told = {"says": _says(rules), "detail": _detail(rules)}
    _, event = RETENTION_POLICIES.replace(principal, policy_id=policy_id, if_match=if_match, name=name, **told)
    return stored_policy(policy_id), event


def check_rules(rules: Sequence[Rule]) -> None:
    """Refuse rules that say nothing, contradict themselves, say of the same thing twice, or name no space of ours."""
    errors = []
    seen: set[Any] = set()
    spaces = _known({rule.space for rule in rules if rule.space})
    for place, rule in enumerate(rules):
        if rule.minimum is None and rule.maximum is None:
            errors.append(FieldError(f"/rules/{place}", "empty", "A rule gives a minimum, a maximum or both."))
        if rule.minimum and rule.maximum and rule.minimum.is_longer_than(rule.maximum):
            errors.append(FieldError(f"/rules/{place}/minimum", "range", "Longer than the maximum."))
        if rule.selector in seen:
            errors.append(FieldError(f"/rules/{place}", "repeated", "Another rule says this of the same records."))
        if rule.space and rule.space not in spaces:
            errors.append(FieldError(f"/rules/{place}/space", "unknown", "There is no such space."))
        seen.add(rule.selector)
    if errors:
        raise Validation(errors=errors)


def _known(space_ids: set[UUID]) -> set[UUID]:
    if not space_ids:
        return set()
    with tenant_transaction():
        return set(Space.objects.filter(id__in=space_ids, deleted_at=None).values_list("id", flat=True))


def _says(rules: Sequence[Rule]) -> dict[str, Any]:
    return {"rules": [rule.as_json() for rule in rules]}


def _detail(rules: Sequence[Rule]) -> dict[str, Any]:
    kept, ended = (sum(bool(getattr(rule, name)) for rule in rules) for name in ("minimum", "maximum"))
    return {"rules": len(rules), "minima": kept, "maxima": ended}

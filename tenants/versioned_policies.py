"""Policies kept as versions: a named record, whose row a new version locks, and versions that are never changed.

What they say is their own app's; making, replacing and reading them is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.db.models import F, OuterRef, QuerySet, Subquery

from audit.acts import Act
from audit.event import Event, Target
from audit.services.record import record
from foundation.kernel.principal import Principal
from foundation.kernel.problems import FieldError, NotFound, PolicyDenied, Validation
from foundation.kernel.scope import savepoint, tenant_transaction
from foundation.rest import idempotency
from foundation.rest.etags import etag, require_match
from tenants.policy import may, reachable_spaces
from tenants.roles import POLICY

_NAMING: dict[str, Callable[[UUID], Collection[UUID]]] = {}


def spaces_name(kind: str, naming: Callable[[UUID], Collection[UUID]]) -> None:
    """Say which spaces name a policy of that sort (asked inside a transaction): who replaces it reaches them all."""
    _NAMING[kind] = naming


@dataclass(frozen=True, slots=True)
class Versioned:
    """The two tables of one sort of policies, and what the audit log calls it.

    `records` has name, version (in force) and created_at; `versions` has policy_id, number, principal_id, created_at,
    and what a version says. Rows are answered with the policy's `name`.
    """

    kind: str
    records: type[Any]
    versions: type[Any]

    def in_force(self) -> QuerySet[Any]:
        """The versions in force, one a policy. Inside `tenant_transaction`."""
        records = self.records.objects.filter(id=OuterRef("policy_id"))
        versions = self.versions.objects.annotate(
            name=Subquery(records.values("name")[:1]), in_force=Subquery(records.values("version")[:1])
        )
        found: QuerySet[Any] = versions.filter(number=F("in_force"))
        return found

    def history(self, policy_id: UUID) -> list[Any]:
        """Every version of one policy, newest first; raises `NotFound`. Inside `tenant_transaction`."""
        policy = self.records.objects.filter(id=policy_id).first()
        if policy is None:
            raise NotFound
        return [
            _named(row, policy.name) for row in self.versions.objects.filter(policy_id=policy_id).order_by("-number")
        ]

    def create(
        self, principal: Principal, *, name: str, says: Mapping[str, Any], detail: Mapping[str, Any]
    ) -> tuple[Any, Event]:
        """A new policy's first version. Raises `Validation` when the name is taken."""
        may(principal, Act.CONFIG_CHANGE)
        policy = self.records(name=name)
        with tenant_transaction():
            _save_new(policy)
            made = self._add(principal, policy, says, detail)
            idempotency.complete(policy.id, 201)
        return made

    def replace(
        self,
        principal: Principal,
        *,
        policy_id: UUID,
        if_match: str,
        name: str,
        says: Mapping[str, Any],
        detail: Mapping[str, Any],
    ) -> tuple[Any, Event]:
        """A new version, in force at once; the name may not change, for decisions cite it. Raises `NotFound`,
        `VersionConflict` when it was changed since it was read, `Validation`, and `PolicyDenied` to who does not reach
        every space that names it."""
        may(principal, Act.CONFIG_CHANGE)
        with tenant_transaction():
            policy = self.records.objects.select_for_update().filter(id=policy_id).first()
            if policy is None:
                raise NotFound
            _require_naming(principal, self.kind, policy_id)
            require_match(if_match, etag(policy.version))
            if name != policy.name:
                raise Validation(errors=[FieldError("/name", "immutable", "A policy keeps its name.")])
            policy.version += 1
            policy.save(force_update=True)
            return self._add(principal, policy, says, detail)

    def _add(
        self, principal: Principal, policy: Any, says: Mapping[str, Any], detail: Mapping[str, Any]
    ) -> tuple[Any, Event]:
        version = self.versions(policy_id=policy.id, number=policy.version, principal_id=principal.id, **says)
        version.save(force_insert=True)
        target = Target(self.kind, policy.id, policy.version)
        event = record(principal, Act.CONFIG_CHANGE, target=target, policy=POLICY, detail=dict(detail))
        return _named(version, policy.name), event


def _require_naming(principal: Principal, kind: str, policy_id: UUID) -> None:
    reach = reachable_spaces(principal)
    if reach is not None and not set(_NAMING[kind](policy_id)) <= reach:
        raise PolicyDenied("A space names this policy that this credential does not reach.")


def _save_new(policy: Any) -> None:
    try:
        with savepoint():
            policy.save(force_insert=True)
    except IntegrityError as error:
        raise Validation(errors=[FieldError("/name", "taken", "A policy of this name exists.")]) from error


def _named(row: Any, name: str) -> Any:
    row.name = name
    return row

"""Retention policies: how long memories are kept at least and at most. Every change is a version, and can be tried on
the memories there are before it is in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import path

from foundation.kernel.ids import uuid7
from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag
from governance import names
from governance.retention.keeping import REFLECTION
from governance.retention.rules import RetentionPolicy, said
from governance.retention.selectors import Made, spaces_of, versions
from governance.services.retention_policies import (
    check_rules,
    create_retention_policy,
    replace_retention_policy,
)
from governance.services.simulate_retention import Simulation, simulate_retention
from guard.policy_history import told_apart
from memwrit.console.policy_pages import PolicyEditing, PolicyVersions
from memwrit.console.retention_form import RetentionForm

DAYS, EXAMINED = 30, 10_000


class OneRetention(PolicyVersions):
    """One retention policy."""

    title = "Retention policy"
    template = "console/policies/retention.html"
    notices = {"replaced": "In force: what it keeps is kept from now on, what is over is erased from a day later on."}

    def get(self, request: HttpRequest, id: UUID) -> Mapping[str, Any]:
        told = super().get(request, id)
        with tenant_transaction():
            spaces = names.spaces(self.principal)
            naming = [spaces[each] for each in spaces_of([id])[id] if each in spaces]
        return dict(told) | {"spaces": spaces, "naming": naming}

    def versions(self, id: UUID) -> list[Made]:
        return versions(id)

    def differences(self, old: RetentionPolicy, new: RetentionPolicy) -> Sequence[tuple[str, str, str]]:
        return told_apart(said(old.rules), said(new.rules))


class _Editing(PolicyEditing):
    """What making and replacing share: the look at what it would erase and keep."""

    look = "policy.read"
    template = "console/policies/edit_retention.html"

    def tried(self, form: RetentionForm) -> Mapping[str, Any]:
        rules, policy_id, spaces = tuple(form.given()), self.policy_id, self.spaces()
        check_rules(rules)
        with tenant_transaction():
            naming = spaces_of([policy_id])[policy_id] if policy_id else ()
        tried_on = [each for each in naming or spaces if each in spaces]
        draft = RetentionPolicy(policy_id or uuid7(), form.name, 0, rules)
        told = simulate_retention(self.principal, draft=draft, space_ids=tried_on, days=DAYS, limit=EXAMINED)
        return {"simulation": told, "tried_on": [spaces[each] for each in tried_on], "spaces": spaces} | _soon(told)

    def spaces(self) -> Mapping[UUID, str]:
        with tenant_transaction():
            return names.spaces(self.principal)


def _soon(told: Simulation) -> dict[str, Any]:
    """How many would go at once, and how many later within the time."""
    return {"at_once": told.days[0], "later": told.erased - told.days[0], "days": DAYS, "reflection": REFLECTION}


class NewRetention(_Editing):
    """A new retention policy."""

    look = "policy.read"
    title = "New retention policy"

    def make(self, data: Any = None) -> RetentionForm:
        return RetentionForm(data, spaces=self.spaces())

    def put_in_force(self, form: RetentionForm) -> HttpResponse:
        create_retention_policy(self.principal, name=form.name, rules=form.given())
        return self.done("kept", "policies")


class EditRetention(_Editing):
    """A new version of a retention policy."""

    look = "policy.read"
    title = "New version of a retention policy"

    def make(self, data: Any = None) -> RetentionForm:
        with tenant_transaction():
            newest = versions(self.kwargs["id"])[0].policy
        return RetentionForm(data, spaces=self.spaces(), policy=newest, match=etag(newest.version))

    def put_in_force(self, form: RetentionForm) -> HttpResponse:
        policy_id = self.kwargs["id"]
        replace_retention_policy(
            self.principal, policy_id=policy_id, if_match=form.match, name=form.name, rules=form.given()
        )
        return self.done("replaced", f"policies/retention/{policy_id}")


urlpatterns = [
    path("policies/retention/new", NewRetention.as_view(), name="console-retention-new"),
    path("policies/retention/<uuid:id>", OneRetention.as_view(), name="console-retention"),
    path("policies/retention/<uuid:id>/edit", EditRetention.as_view(), name="console-retention-edit"),
]

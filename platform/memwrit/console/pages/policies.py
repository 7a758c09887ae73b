"""Policies: what is done with personal data, how long memories stay, how strictly the guard judges. Every change is a
version; a PII policy can be tried on what was admitted lately before it is in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path

from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag
from governance import names
from governance.retention.keeping import RETENTION_POLICIES
from governance.retention.selectors import made
from governance.services.simulate_policy import Simulation, simulate_policy
from guard import policy_history
from guard.pii.policy import DEFAULT, PiiPolicy
from guard.policy_history import Made
from guard.selectors import calibration, policies_in_force, stored
from guard.services.pii_policies import check_terms, create_pii_policy, replace_pii_policy
from guard.services.set_guard_policy import set_guard_policy
from guard.types import GuardPolicy
from memwrit.console.forms import ServiceForm
from memwrit.console.navigation import Nav
from memwrit.console.policy_form import PolicyForm
from memwrit.console.policy_pages import PolicyEditing, PolicyVersions
from memwrit.console.views import Page

NAV = Nav("Policies", "policies", "policy.read", 60, "Duties")
SIMULATED = 50
LEAST, MOST = 0.0005, 0.2
MADE = "The policy is there; a space takes it up when it names it."
KEPT = "The policy is there; it keeps and erases where a space names it, and erases from a day later on."


class Strictness(ServiceForm):
    """The guard's choices."""

    alpha = forms.FloatField(
        label="Share of harmless memories you accept to review",
        min_value=LEAST,
        max_value=MOST,
        help_text="Between 0.0005 and 0.2: 0.01 is one in a hundred. The smaller, the less is held, and caught.",
        widget=forms.NumberInput(attrs={"step": "any"}),
    )
    optional_judge = forms.BooleanField(
        label="A language model may be asked about what is held or disputed", required=False
    )
    match = forms.CharField(max_length=64, widget=forms.HiddenInput)


class Policies(Page):
    """The policies in force."""

    acts = {"GET": "policy.read"}
    title = "Policies"
    template = "console/policies/list.html"
    notices = {"made": MADE, "guard": "In force from now on.", "kept": KEPT}

    def get(self, request: HttpRequest) -> Mapping[str, Any]:
        with tenant_transaction():
            policies = [stored(row) for row in policies_in_force().order_by("policy_id")]
            retention = made(RETENTION_POLICIES.in_force().order_by("policy_id"))
            versions, own = policy_history.guard_versions(), calibration()
            people = names.principals(each.principal_id for each in versions)
        alpha = versions[0].alpha if versions else GuardPolicy().alpha
        told = {"policies": policies, "default": DEFAULT, "versions": versions, "own": own, "people": people}
        told |= {"retention": retention}
        return told | {"alpha": alpha, "judge": bool(versions and versions[0].optional_judge)}


class Guard(Page):
    """A new version of the guard's choices."""

    acts = {"GET": "config.change", "POST": "config.change"}
    look = "policy.read"
    title = "How strictly the guard judges"
    template = "console/policies/guard.html"

    def get(self, request: HttpRequest) -> Mapping[str, Any]:
        with tenant_transaction():
            newest = next(iter(policy_history.guard_versions()), None)
        alpha, judge = (newest.alpha, newest.optional_judge) if newest else (GuardPolicy().alpha, False)
        match = etag(newest.number if newest else 0)
        return {"form": Strictness(initial={"alpha": alpha, "optional_judge": judge, "match": match})}

    def post(self, request: HttpRequest) -> HttpResponse:
        form = Strictness(request.POST)
        if not form.is_valid():
            return self.show({"form": form}, status=422)
        told = form.cleaned_data
        set_guard_policy(
            self.principal, alpha=told["alpha"], optional_judge=told["optional_judge"], if_match=told["match"]
        )
        return self.done("guard", "policies")


class OnePolicy(PolicyVersions):
    """One PII policy."""

    title = "PII policy"
    template = "console/policies/policy.html"
    notices = {"replaced": "The new version is in force for what is admitted and read from now on."}

    def versions(self, id: UUID) -> list[Made]:
        return policy_history.pii_versions(id)

    def differences(self, old: PiiPolicy, new: PiiPolicy) -> Sequence[tuple[str, str, str]]:
        return policy_history.differences(old, new)


class _Editing(PolicyEditing):
    """What making and replacing share: the look at what it would do."""

    look = "policy.read"
    template = "console/policies/edit.html"

    def tried(self, form: PolicyForm) -> Mapping[str, Any]:
        check_terms(form.terms)
        told = simulate_policy(
            self.principal, draft=form.draft(), policy_id=self.policy_id, space_id=None, limit=SIMULATED
        )
        return {"simulation": told, "transitions": _transitions(told)}


def _transitions(told: Simulation) -> list[tuple[str, str, str, int]]:
    """What would be treated otherwise first, then the rest; the most frequent first."""
    lines = [(entity, now, then, count) for (entity, now, then), count in told.transitions.items()]
    return sorted(lines, key=lambda each: (each[1] == each[2], -each[3], each[0]))


class NewPolicy(_Editing):
    """A new PII policy."""

    look = "policy.read"
    title = "New PII policy"

    def make(self, data: Any = None) -> PolicyForm:
        return PolicyForm(data)

    def put_in_force(self, form: PolicyForm) -> HttpResponse:
        create_pii_policy(self.principal, name=form.name, terms=form.terms)
        return self.done("made", "policies")


class EditPolicy(_Editing):
    """A new version of a PII policy."""

    look = "policy.read"
    title = "New version of a PII policy"

    def make(self, data: Any = None) -> PolicyForm:
        with tenant_transaction():
            newest = policy_history.pii_versions(self.kwargs["id"])[0].policy
        return PolicyForm(data, policy=newest, match=etag(newest.version), named=newest.name)

    def put_in_force(self, form: PolicyForm) -> HttpResponse:
        policy_id = self.kwargs["id"]
        replace_pii_policy(self.principal, policy_id=policy_id, if_match=form.match, name=form.name, terms=form.terms)
        return self.done("replaced", f"policies/pii/{policy_id}")


urlpatterns = [
    path("policies", Policies.as_view(), name="console-policies"),
    path("policies/guard", Guard.as_view(), name="console-policy-guard"),
    path("policies/pii/new", NewPolicy.as_view(), name="console-policy-new"),
    path("policies/pii/<uuid:id>", OnePolicy.as_view(), name="console-policy"),
    path("policies/pii/<uuid:id>/edit", EditPolicy.as_view(), name="console-policy-edit"),
]

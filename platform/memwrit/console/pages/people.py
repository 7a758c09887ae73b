"""People: who signs in to the console, and with which role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path

from foundation.kernel.principal import Principal, Role
from foundation.kernel.scope import tenant_transaction
from memwrit.console import choices
from memwrit.console.form_page import FormPage
from memwrit.console.forms import ServiceForm
from memwrit.console.navigation import Nav
from memwrit.console.views import Page
from tenants import selectors
from tenants.services.change_person import disable_person, enable_person
from tenants.services.change_rights import change_rights
from tenants.services.create_person import create_person
from tenants.services.sign_out import sign_out_everywhere

NAV = Nav("People", "admin/people", "person.read", 80, "Administration")


class Rights(ServiceForm):
    """A role and a reach; what is offered is what the asker may give."""

    role = forms.ChoiceField(widget=forms.RadioSelect)
    spaces = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None means all, but readers and agents must have at least one.",
    )

    def offered(self, principal: Principal) -> Rights:
        self.fields["role"].choices = choices.roles()  # type: ignore[attr-defined]
        self.fields["spaces"].choices = choices.spaces(principal)  # type: ignore[attr-defined]
        return self


class OtherRights(Rights):
    rev = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


class NewPerson(Rights):
    name = forms.CharField(max_length=64, help_text="As colleagues know them. It stands in the audit log's pages.")
    email = forms.CharField(
        label="E-mail address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters, to be changed at the first sign-in. Leave it empty for somebody who "
        "signs in with your organisation.",
    )
    field_order = ("name", "email", "role", "spaces", "password")


class People(Page):
    """The list."""

    acts = {"GET": "person.read"}
    title = "People"
    template = "console/admin/people.html"
    notices = {"created": "The person may sign in now."}

    def get(self, request: HttpRequest) -> dict[str, Any]:
        return {"people": selectors.people(), "spaces": choices.names(self.principal)}


class CreatePerson(FormPage):
    """A new person."""

    acts = {"GET": "person.create", "POST": "person.create"}
    title, form, submit, back = "New person", NewPerson, "Create", "admin/people"

    def make(self, data: Mapping[str, Any] | None = None) -> ServiceForm:
        return NewPerson(data).offered(self.principal)

    def save(self, fields: dict[str, Any]) -> HttpResponse:
        create_person(self.principal, **(_given(fields) | {"password": fields["password"] or None}))
        return self.done("created", "admin/people")


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {"role": Role(fields["role"]), "spaces": choices.ids(fields["spaces"])}


class OnePerson(Page):
    """One person, with the ways to end his sessions and his way in."""

    acts = {"GET": "person.read", "POST": "person.change"}
    title = "Person"
    template = "console/admin/person.html"
    fresh = frozenset({"POST"})
    notices = {
        "disabled": "Nobody signs in as this person any more; open sessions have ended.",
        "enabled": "The person may sign in again.",
        "rights": "The role and the spaces hold from the next sign-in; open sessions have ended.",
        "signed-out": "All sessions of this person have ended.",
    }

    def get(self, request: HttpRequest, id: UUID) -> dict[str, Any]:
        known = selectors.person(id)
        with tenant_transaction():
            sessions = list(selectors.live_sessions(id))
            keys = list(selectors.live_keys_made_by(known.actor.id))
        return {"known": known, "sessions": sessions, "keys": keys, "spaces": choices.names(self.principal)}

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        wanted, known = request.POST.get("do"), selectors.person(id)
        if wanted == "disable":
            disable_person(self.principal, person_id=id)
            return self.done("disabled", f"admin/people/{id}")
        if wanted == "enable":
            enable_person(self.principal, person_id=id)
            return self.done("enabled", f"admin/people/{id}")
        sign_out_everywhere(self.principal, principal_id=known.actor.id)
        return self.done("signed-out", f"admin/people/{id}")


class ChangeRights(FormPage):
    """Another role or reach for a person; it ends his sessions."""

    acts = {"GET": "person.change", "POST": "person.change"}
    title, form, submit = "Role and spaces", OtherRights, "Change them"
    template = "console/admin/rights.html"
    fresh = frozenset({"POST"})

    def make(self, data: Mapping[str, Any] | None = None) -> ServiceForm:
        self.known = selectors.person(self.kwargs["id"])
        person = self.known.person
        stands = {"role": person.role, "spaces": [str(each) for each in person.spaces], "rev": person.rev}
        return OtherRights(data, initial=stands).offered(self.principal)

    def save(self, fields: dict[str, Any]) -> HttpResponse:
        change_rights(self.principal, person_id=self.kwargs["id"], **_given(fields))
        return self.done("rights", f"admin/people/{self.kwargs['id']}")

    def context(self, form: ServiceForm) -> dict[str, Any]:
        return super().context(form) | {"known": self.known}


urlpatterns = [
    path("admin/people", People.as_view(), name="console-people"),
    path("admin/people/new", CreatePerson.as_view(), name="console-person-new"),
    path("admin/people/<uuid:id>", OnePerson.as_view(), name="console-person"),
    path("admin/people/<uuid:id>/rights", ChangeRights.as_view(), name="console-person-rights"),
]

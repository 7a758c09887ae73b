"""People: who signs in to the console, and with which role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path

from foundation.kernel.principal import Role
from foundation.kernel.scope import tenant_transaction
from memwrit.console import choices
from memwrit.console.form_page import FormPage
from memwrit.console.forms import ServiceForm
from memwrit.console.navigation import Nav
from memwrit.console.views import Page
from tenants import selectors
from tenants.services.change_person import disable_person, enable_person
from tenants.services.create_person import create_person
from tenants.services.sign_out import sign_out_everywhere

NAV = Nav("People", "admin/people", "person.read", 80, "Administration")


class NewPerson(ServiceForm):
    name = forms.CharField(max_length=64, help_text="As colleagues know them. It stands in the audit log's pages.")
    email = forms.CharField(
        label="E-mail address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    role = forms.ChoiceField(widget=forms.RadioSelect)
    spaces = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None means all, but readers and agents must have at least one.",
    )
    password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters, to be changed at the first sign-in. Leave it empty for somebody who "
        "signs in with your organisation.",
    )


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
        form = NewPerson(data)
        form.fields["role"].choices = choices.roles()  # type: ignore[attr-defined]
        form.fields["spaces"].choices = choices.spaces(self.principal)  # type: ignore[attr-defined]
        return form

    def save(self, fields: dict[str, Any]) -> HttpResponse:
        given = fields | {"role": Role(fields["role"]), "spaces": choices.ids(fields["spaces"])}
        create_person(self.principal, **(given | {"password": fields["password"] or None}))
        return self.done("created", "admin/people")


class OnePerson(Page):
    """One person, with the ways to end his sessions and his way in."""

    acts = {"GET": "person.read", "POST": "person.change"}
    title = "Person"
    template = "console/admin/person.html"
    fresh = frozenset({"POST"})
    notices = {
        "disabled": "Nobody signs in as this person any more; open sessions have ended.",
        "enabled": "The person may sign in again.",
        "signed-out": "All sessions of this person have ended.",
    }

    def get(self, request: HttpRequest, id: UUID) -> dict[str, Any]:
        known = selectors.person(id)
        with tenant_transaction():
            sessions = list(selectors.live_sessions(id))
        return {"known": known, "sessions": sessions, "spaces": choices.names(self.principal)}

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


urlpatterns = [
    path("admin/people", People.as_view(), name="console-people"),
    path("admin/people/new", CreatePerson.as_view(), name="console-person-new"),
    path("admin/people/<uuid:id>", OnePerson.as_view(), name="console-person"),
]

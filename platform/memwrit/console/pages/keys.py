"""API keys: credentials of agents and services. A key's text is shown once, in the answer that made it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path

from foundation.kernel import clock
from foundation.kernel.principal import Role
from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag
from memwrit.console import choices
from memwrit.console.form_page import FormPage
from memwrit.console.forms import ServiceForm
from memwrit.console.navigation import Nav
from memwrit.console.views import Page
from tenants import selectors
from tenants.models import ApiKey
from tenants.services.create_key import NewKey, create_key
from tenants.services.revoke_key import revoke_key
from tenants.services.rotate_key import rotate_key

NAV = Nav("API keys", "admin/keys", "key.read", 81, "Administration")
SHOWN = 200


class KeyForm(ServiceForm):
    name = forms.CharField(max_length=64, help_text="What the key is for: the agent or service that holds it.")
    role = forms.ChoiceField(widget=forms.RadioSelect)
    spaces = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None means all, but readers and agents must have at least one.",
    )
    expires_on = forms.DateField(
        label="Last day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The key ends with this day (UTC). Empty: it does not end by itself.",
    )


class RotationForm(ServiceForm):
    hours = forms.IntegerField(
        label="Hours the old key works on", min_value=0, max_value=168, initial=24, help_text="At most 168, a week."
    )


def state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= clock.now() else "active"


class Keys(Page):
    """The list, newest first."""

    acts = {"GET": "key.read"}
    title = "API keys"
    template = "console/admin/keys.html"
    notices = {"revoked": "The key is revoked: it does not pass again."}

    def get(self, request: HttpRequest) -> dict[str, Any]:
        with tenant_transaction():
            found = list(selectors.api_keys().order_by("-id")[:SHOWN])
        told = [(key, state(key)) for key in found]
        return {"keys": told, "spaces": choices.names(self.principal), "shown": SHOWN}


class CreateKey(FormPage):
    """A new key."""

    acts = {"GET": "key.create", "POST": "key.create"}
    title, form, submit, back = "New API key", KeyForm, "Create", "admin/keys"

    def make(self, data: Mapping[str, Any] | None = None) -> ServiceForm:
        form = KeyForm(data)
        form.fields["role"].choices = choices.roles()  # type: ignore[attr-defined]
        form.fields["spaces"].choices = choices.spaces(self.principal)  # type: ignore[attr-defined]
        return form

    def save(self, fields: dict[str, Any]) -> HttpResponse:
        made = create_key(
            self.principal,
            role=Role(fields["role"]),
            name=fields["name"],
            spaces=choices.ids(fields["spaces"]),
            expires_at=_end_of(fields["expires_on"]),
        )
        return _shown_once(self, made)


class OneKey(Page):
    """A key's terms; revoking it."""

    acts = {"GET": "key.read", "POST": "key.revoke"}
    title = "API key"
    template = "console/admin/key.html"
    fresh = frozenset({"POST"})

    def get(self, request: HttpRequest, id: UUID) -> dict[str, Any]:
        with tenant_transaction():
            key = selectors.api_key(id)
        return {"key": key, "state": state(key), "tag": etag(1, key.rev), "spaces": choices.names(self.principal)}

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        revoke_key(self.principal, key_id=id, if_match=request.POST.get("tag", ""))
        return self.done("revoked", "admin/keys")


class RotateKey(FormPage):
    """A new secret for the same principal."""

    acts = {"GET": "key.rotate", "POST": "key.rotate"}
    title, form, submit, back = "Rotate an API key", RotationForm, "Make the new key", "admin/keys"
    intro = "The new key has the same principal, role, spaces and end. The old one goes on working for a while."

    def save(self, fields: dict[str, Any]) -> HttpResponse:
        overlap = timedelta(hours=fields["hours"])
        return _shown_once(self, rotate_key(self.principal, key_id=self.kwargs["id"], overlap=overlap))


def _shown_once(page: Page, made: NewKey) -> HttpResponse:
    """The one answer that holds a key's text; it is kept by no cache and in no history of ours."""
    around = {"made": made, "title": "Your new API key", "spaces": choices.names(page.principal)}
    return page.show(around, template="console/admin/new_key.html")


def _end_of(day: Any) -> datetime | None:
    return None if day is None else datetime.combine(day, time.max, UTC).replace(microsecond=0)


urlpatterns = [
    path("admin/keys", Keys.as_view(), name="console-keys"),
    path("admin/keys/new", CreateKey.as_view(), name="console-key-new"),
    path("admin/keys/<uuid:id>", OneKey.as_view(), name="console-key"),
    path("admin/keys/<uuid:id>/rotate", RotateKey.as_view(), name="console-key-rotate"),
]

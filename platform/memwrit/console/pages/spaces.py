"""Spaces: the containers of memories, each under its own policy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path

from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag
from governance import selectors
from governance.models import Space
from governance.retention.keeping import RETENTION_POLICIES
from governance.services.spaces import DEFAULT_GRACE, create_space, delete_space, update_space
from guard.selectors import policies_in_force, stored
from memwrit.console.fields import choose, identified
from memwrit.console.form_page import FormPage
from memwrit.console.forms import ServiceForm
from memwrit.console.navigation import Nav
from memwrit.console.views import Page

NAV = Nav("Spaces", "admin/spaces", "space.read", 82, "Administration")
HOUR = timedelta(hours=1)


class SpaceForm(ServiceForm):
    name = forms.CharField(max_length=64)
    pii_policy_id = forms.ChoiceField(
        label="Personal data policy", required=False, help_text="What becomes of personal data in new memories."
    )
    retention_policy_id = forms.ChoiceField(
        label="Retention policy", required=False, help_text="How long its memories are kept at least and at most."
    )
    grace_hours = forms.IntegerField(
        label="Grace, in hours",
        min_value=0,
        max_value=3650 * 24,
        help_text="How long a withdrawn memory may be brought back before it is erased.",
    )
    merge_duplicates = forms.BooleanField(
        label="Merge what a source says again", required=False, help_text="Instead of keeping it as a further memory."
    )
    tag = forms.CharField(required=False, widget=forms.HiddenInput)


class Spaces(Page):
    """The spaces that the person reaches."""

    acts = {"GET": "space.read"}
    title = "Spaces"
    template = "console/admin/spaces.html"
    notices = {"created": "The space is there.", "changed": "The space is changed.", "deleted": "The space is deleted."}

    def get(self, request: HttpRequest) -> dict[str, Any]:
        with tenant_transaction():
            found = list(selectors.spaces(self.principal))
            return {"spaces": found, "policies": _policies(), "retention": _retention()}


class _SpaceForm(FormPage):
    form, back = SpaceForm, "admin/spaces"

    def ready(self, form: ServiceForm) -> ServiceForm:
        with tenant_transaction():
            personal, retention = _policies(), _retention()
        choose(form, "pii_policy_id", [("", "the default policy"), *_choices(personal)])
        choose(form, "retention_policy_id", [("", "none"), *_choices(retention)])
        return form


class CreateSpace(_SpaceForm):
    """A new space."""

    acts = {"GET": "space.create", "POST": "space.create"}
    title, submit = "New space", "Create"

    def make(self, data: Mapping[str, Any] | None = None) -> ServiceForm:
        return self.ready(SpaceForm(data, initial={"grace_hours": DEFAULT_GRACE // HOUR}))

    def save(self, fields: dict[str, Any]) -> HttpResponse:
        create_space(self.principal, **_given(fields))
        return self.done("created", "admin/spaces")


class ChangeSpace(_SpaceForm):
    """A space's name and policies."""

    acts = {"GET": "space.update", "POST": "space.update"}
    title = "Change a space"

    def make(self, data: Mapping[str, Any] | None = None) -> ServiceForm:
        space = selectors.reach_space(self.principal, self.kwargs["id"], "space.update")
        return self.ready(SpaceForm(data, initial=_told(space)))

    def save(self, fields: dict[str, Any]) -> HttpResponse:
        id, tag = self.kwargs["id"], fields["tag"]
        update_space(self.principal, space_id=id, if_match=tag, changes=_given(fields))
        return self.done("changed", "admin/spaces")


class DeleteSpace(Page):
    """The end of a space that holds nothing any more."""

    acts = {"GET": "space.delete", "POST": "space.delete"}
    title = "Delete a space"
    template = "console/admin/delete_space.html"
    fresh = frozenset({"POST"})

    def get(self, request: HttpRequest, id: UUID) -> dict[str, Any]:
        space = selectors.reach_space(self.principal, id, "space.delete")
        return {"space": space, "tag": etag(space.version)}

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        delete_space(self.principal, space_id=id, if_match=request.POST.get("tag", ""))
        return self.done("deleted", "admin/spaces")


def _policies() -> dict[UUID, str]:
    return {found.id: found.policy.name for found in map(stored, policies_in_force())}


def _retention() -> dict[UUID, str]:
    return dict(RETENTION_POLICIES.in_force().values_list("policy_id", "name"))


def _choices(named: Mapping[UUID, str]) -> list[tuple[str, str]]:
    return [(str(id), name) for id, name in named.items()]


def _told(space: Space) -> dict[str, Any]:
    return {
        "name": space.name,
        "pii_policy_id": str(space.pii_policy_id or ""),
        "retention_policy_id": str(space.retention_policy_id or ""),
        "grace_hours": space.delete_grace // HOUR,
        "merge_duplicates": space.merge_duplicates,
        "tag": etag(space.version),
    }


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": fields["name"],
        "pii_policy_id": identified(fields["pii_policy_id"]),
        "retention_policy_id": identified(fields["retention_policy_id"]),
        "delete_grace": fields["grace_hours"] * HOUR,
        "merge_duplicates": fields["merge_duplicates"],
    }


urlpatterns = [
    path("admin/spaces", Spaces.as_view(), name="console-spaces"),
    path("admin/spaces/new", CreateSpace.as_view(), name="console-space-new"),
    path("admin/spaces/<uuid:id>", ChangeSpace.as_view(), name="console-space"),
    path("admin/spaces/<uuid:id>/delete", DeleteSpace.as_view(), name="console-space-delete"),
]

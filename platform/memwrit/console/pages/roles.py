"""Roles explained: the one table that policy decides by, as people read it."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django.http import HttpRequest
from django.urls import path

from foundation.kernel.principal import Role
from memwrit.console.choices import MEANING
from memwrit.console.navigation import Nav
from memwrit.console.views import Page
from tenants.roles import ACTS, CREDENTIAL_ROLES, POLICY

NAV = Nav("Roles", "admin/roles", "person.read", 86, "Administration")


class Roles(Page):
    """Who may do what."""

    acts = {"GET": "person.read"}
    title = "Roles"
    template = "console/admin/roles.html"

    def get(self, request: HttpRequest) -> dict[str, Any]:
        roles = list(CREDENTIAL_ROLES)
        return {"roles": [(role, MEANING[role]) for role in roles], "groups": list(_groups(roles)), "policy": POLICY}


def _groups(roles: list[Role]) -> Any:
    """Acts by what they act on, each with a yes or no for every role; the platform's own are left out."""
    acts = {act: allowed for act, allowed in sorted(ACTS.items()) if allowed - {Role.OPERATOR}}
    for about, named in groupby(acts, key=lambda act: act.partition(".")[0]):
        yield about, [(act, [role in acts[act] for role in roles]) for act in named]


urlpatterns = [path("admin/roles", Roles.as_view(), name="console-roles")]

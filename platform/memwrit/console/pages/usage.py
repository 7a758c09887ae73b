"""What the tenant uses, and the most it may use."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path

from foundation.kernel.problems import NotFound
from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag
from memwrit.console.form_page import FormPage
from memwrit.console.forms import ServiceForm
from memwrit.console.navigation import Nav
from memwrit.console.views import Page
from tenants import selectors
from tenants.models import Resource
from tenants.services.set_quota import set_quota

NAV = Nav("Usage and quotas", "admin/usage", "usage.read", 83, "Administration")


class QuotaForm(ServiceForm):
    ceiling = forms.IntegerField(
        label="Most", required=False, min_value=0, max_value=2**53 - 1, help_text="Empty: without a limit."
    )
    tag = forms.CharField(required=False, widget=forms.HiddenInput)


class Usage(Page):
    """Every resource, how much of it is used, and its limit."""

    acts = {"GET": "usage.read"}
    title = "Usage and quotas"
    template = "console/admin/usage.html"
    notices = {"changed": "The limit holds from now on."}

    def get(self, request: HttpRequest) -> dict[str, Any]:
        with tenant_transaction():
            return {"standings": [(each, _share(each)) for each in selectors.standings()]}


class Quota(FormPage):
    """The limit of one resource."""

    acts = {"GET": "quota.change", "POST": "quota.change"}
    look = "usage.read"
    title, form, submit, back = "Change a quota", QuotaForm, "Set", "admin/usage"

    def make(self, data: Any = None) -> ServiceForm:
        with tenant_transaction():
            found = selectors.standing(self._resource())
        form = QuotaForm(data, initial={"ceiling": found.ceiling, "tag": etag(found.version)})
        form.fields["ceiling"].label = f"Most {found.resource.value.replace('_', ' ')}"
        return form

    def save(self, fields: dict[str, Any]) -> HttpResponse:
        set_quota(self.principal, resource=self._resource(), ceiling=fields["ceiling"], if_match=fields["tag"])
        return self.done("changed", "admin/usage")

    def _resource(self) -> Resource:
        try:
            return Resource(self.kwargs["resource"])
        except ValueError:
            raise NotFound from None


def _share(found: selectors.Standing) -> int | None:
    """Hundredths of the limit that are used; None without a limit."""
    if found.ceiling is None:
        return None
    return 100 if found.ceiling == 0 else min(100, 100 * found.used // found.ceiling)


urlpatterns = [
    path("admin/usage", Usage.as_view(), name="console-usage"),
    path("admin/usage/<str:resource>", Quota.as_view(), name="console-quota"),
]

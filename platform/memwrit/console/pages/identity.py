"""Where the tenant's people sign in: the identity provider of their organisation."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path

from memwrit.console import elsewhere
from memwrit.console.form_page import FormPage
from memwrit.console.forms import ServiceForm
from memwrit.console.navigation import Nav
from tenants.oidc import Provider
from tenants.providers import provider
from tenants.services.set_identity_provider import set_identity_provider

NAV = Nav("Sign-in", "admin/sign-in", "config.change", 85, "Administration")


class ProviderForm(ServiceForm):
    issuer = forms.CharField(
        max_length=500, help_text="The provider's address, exactly as it names itself: https://login.example.org"
    )
    client_id = forms.CharField(label="Client id", max_length=256)
    client_secret = forms.CharField(
        max_length=512,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="It is sealed and never shown again. Empty: the one that is there stays.",
    )
    domains = forms.CharField(
        required=False,
        label="E-mail domains",
        help_text="Those the provider may speak for, separated by commas. Empty: all, for a provider of yours alone.",
    )
    version = forms.IntegerField(widget=forms.HiddenInput)


class IdentityProvider(FormPage):
    """Set it, or take it away."""

    acts = {"GET": "config.change", "POST": "config.change"}
    look = "policy.read"
    title, form, template = "Sign-in", ProviderForm, "console/admin/identity.html"
    fresh = frozenset({"POST"})
    notices = {
        "set": "People may sign in with your organisation now. Try it in another window before you rely on it.",
        "removed": "People sign in with their passwords only.",
    }

    def make(self, data: Any = None) -> ServiceForm:
        known = provider()
        told = {"version": 0} if known is None else _told(*known)
        return ProviderForm(data, initial=told)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if request.POST.get("do") != "remove":
            return super().post(request, **kwargs)
        known = provider()
        set_identity_provider(self.principal, provider=None, version=known[1] if known else 0)
        return self.done("removed", "admin/sign-in")

    def save(self, fields: dict[str, Any]) -> HttpResponse:
        known = provider()
        secret = fields["client_secret"] or (known[0].client_secret if known else "")
        domains = tuple(part.strip().casefold() for part in fields["domains"].split(",") if part.strip())
        given = Provider(fields["issuer"].strip(), fields["client_id"].strip(), secret, domains)
        set_identity_provider(self.principal, provider=given, version=fields["version"])
        return self.done("set", "admin/sign-in")

    def context(self, form: ServiceForm) -> dict[str, Any]:
        return super().context(form) | {"known": provider() is not None, "answer_at": elsewhere.answer_at()}


def _told(known: Provider, version: int) -> dict[str, Any]:
    return {
        "issuer": known.issuer,
        "client_id": known.client_id,
        "domains": ", ".join(known.domains),
        "version": version,
    }


urlpatterns = [path("admin/sign-in", IdentityProvider.as_view(), name="console-identity")]

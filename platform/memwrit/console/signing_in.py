"""The doors that need no session: naming the tenant, and signing in; and the way out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views import View

from foundation.kernel.problems import Problem, Unauthenticated
from foundation.rest import problems
from foundation.rest.throttles import caller
from memwrit.console import refusals, sessions
from memwrit.console.forms import ServiceForm
from memwrit.console.navigation import shown_to
from memwrit.console.views import SIGNED_IN, Page
from tenants.services.sign_in import sign_in
from tenants.services.sign_in_elsewhere import has_provider
from tenants.services.sign_out import sign_out

REFUSED = "The address and the password do not belong together."


class Door(View):
    """A page for strangers: refusals are pages, and nothing is told of whom they ask for."""

    http_method_names = ["get", "head", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().dispatch(request, *args, **kwargs)
        except Unauthenticated as error:
            return self.refused(request, error)
        except Exception as error:
            return refusals.page(request, problems.of(error))

    def refused(self, request: HttpRequest, error: Unauthenticated) -> HttpResponse:
        """What somebody is told who was not let in."""
        return refusals.page(request, error)


class TenantForm(ServiceForm):
    tenant = forms.UUIDField(label="Tenant", help_text="The tenant's id, as your administrator gave it to you.")


class SignInForm(ServiceForm):
    email = forms.CharField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        max_length=512, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


class WhichTenant(Door):
    """Where somebody without a session comes first: to the tenant of his last sign-in, or to say which."""

    def get(self, request: HttpRequest) -> HttpResponse:
        known = None if "other" in request.GET else sessions.remembered_tenant(request)
        return _to(known) if known else self._show(TenantForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = TenantForm(request.POST)
        return _to(form.cleaned_data["tenant"]) if form.is_valid() else self._show(form)

    def _show(self, form: TenantForm) -> HttpResponse:
        return render(self.request, "console/which_tenant.html", {"title": "Sign in", "form": form})


class SignIn(Door):
    """A tenant's sign-in. It looks the same for a tenant that never was."""

    def get(self, request: HttpRequest, tenant: UUID) -> HttpResponse:
        return self._show(SignInForm(), tenant)

    def post(self, request: HttpRequest, tenant: UUID) -> HttpResponse:
        form = SignInForm(request.POST)
        if not form.is_valid():
            return self._show(form, tenant)
        about = {"browser": sessions.browser(request), "device": sessions.device(request)}
        try:
            admitted = sign_in(tenant_id=tenant, client=caller(request.META), **about, **form.cleaned_data)
        except Unauthenticated as refused:
            return self._again(form, tenant, REFUSED, refused)
        except Problem as refused:
            return self._again(form, tenant, refused.detail, refused)
        response = HttpResponseRedirect(reverse("console-home"), status=303)
        sessions.give(response, admitted.ticket)
        sessions.give_device(response, admitted.device)
        return response

    def _again(self, form: SignInForm, tenant: UUID, words: str, refused: Problem) -> HttpResponse:
        form.add_error(None, words)
        response = self._show(form, tenant, status=refused.status)
        if refused.retry_after is not None:
            response["Retry-After"] = str(refused.retry_after)
        return response

    def _show(self, form: SignInForm, tenant: UUID, status: int = 200) -> HttpResponse:
        context = {"title": "Sign in", "form": form, "tenant": tenant, "elsewhere": has_provider(tenant)}
        return render(self.request, "console/sign_in.html", context, status=status)


class SignOut(Page):
    """The way out."""

    acts = {"POST": SIGNED_IN}

    def post(self, request: HttpRequest) -> HttpResponse:
        sign_out(self.principal, session_id=self.session.id)
        response = HttpResponseRedirect(reverse("console-sign-in"), status=303)
        sessions.take_back(response)
        return response


class Home(Page):
    """The first page that somebody's role may see."""

    acts = {"GET": SIGNED_IN}
    title = "Welcome"
    template = "console/home.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        entries = shown_to(self.principal)
        return HttpResponseRedirect(entries[0].url) if entries else self.show({})


def _to(tenant: UUID) -> HttpResponse:
    return HttpResponseRedirect(reverse("console-tenant", args=[tenant]), status=303)

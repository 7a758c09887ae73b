"""Somebody's own sessions: where he is signed in, and the way to end it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

from foundation.kernel.scope import tenant_transaction
from memwrit.console import sessions
from memwrit.console.form_page import FormPage
from memwrit.console.forms import ServiceForm
from memwrit.console.views import SIGNED_IN, Page
from tenants.models import Session
from tenants.selectors import live_sessions
from tenants.services.change_password import change_password
from tenants.services.sign_out import sign_out_everywhere


class Sessions(Page):
    """The list, and "sign out everywhere"."""

    acts = {"GET": SIGNED_IN, "POST": SIGNED_IN}
    title = "Your sessions"
    template = "console/sessions.html"
    notices = {"password": "Your password is changed; your other sessions have ended."}

    def get(self, request: HttpRequest) -> dict[str, Any]:
        with tenant_transaction():
            found = list(live_sessions(self.session.person_id))
        return {"sessions": found, "has_password": self.session.via == Session.Via.PASSWORD}

    def post(self, request: HttpRequest) -> HttpResponse:
        sign_out_everywhere(self.principal, principal_id=self.principal.id)
        response = HttpResponseRedirect(reverse("console-sign-in"), status=303)
        sessions.take_back(response)
        return response


class PasswordForm(ServiceForm):
    password = forms.CharField(
        label="New password",
        max_length=512,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters.",
    )


class Password(FormPage):
    """Another password."""

    acts = {"GET": SIGNED_IN, "POST": SIGNED_IN}
    title, form, submit, back = "Change your password", PasswordForm, "Change it", "sessions"
    intro = "Your other sessions end with the old one."
    fresh = frozenset({"POST"})

    def save(self, fields: dict[str, Any]) -> HttpResponse:
        device = change_password(self.session, password=fields["password"])
        response = self.done("password", "sessions")
        sessions.give_device(response, device)
        return response


urlpatterns = [
    path("sessions", Sessions.as_view(), name="console-sessions"),
    path("sessions/password", Password.as_view(), name="console-password"),
]

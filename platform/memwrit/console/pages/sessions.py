"""Somebody's own sessions: where he is signed in, and the way to end it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

from foundation.kernel.scope import tenant_transaction
from memwrit.console import sessions
from memwrit.console.views import SIGNED_IN, Page
from tenants.selectors import live_sessions
from tenants.services.sign_out import sign_out_everywhere


class Sessions(Page):
    """The list, and "sign out everywhere"."""

    acts = {"GET": SIGNED_IN, "POST": SIGNED_IN}
    title = "Your sessions"
    template = "console/sessions.html"

    def get(self, request: HttpRequest) -> dict[str, Any]:
        with tenant_transaction():
            return {"sessions": list(live_sessions(self.session.person_id))}

    def post(self, request: HttpRequest) -> HttpResponse:
        sign_out_everywhere(self.principal, principal_id=self.principal.id)
        response = HttpResponseRedirect(reverse("console-sign-in"), status=303)
        sessions.take_back(response)
        return response


urlpatterns = [path("sessions", Sessions.as_view(), name="console-sessions")]

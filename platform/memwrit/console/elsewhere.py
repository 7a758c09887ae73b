"""Signing in with the tenant's identity provider: the way there, and the way back.

Links and not forms lead there: `form-action 'self'` would hold up a form that is redirected to another site.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from foundation.kernel.problems import Unauthenticated
from foundation.rest.throttles import caller
from memwrit.console import sessions
from memwrit.console.signing_in import Door
from memwrit.console.views import SIGNED_IN, Page
from tenants.oidc import Journey, Unproven
from tenants.services.sign_in_elsewhere import come_back, come_back_again, leave

UNKNOWN = "Your organisation says who you are, and there is no such person here. Ask an administrator to take you in."
UNPROVEN = "What came back from your organisation does not show who you are. Try again from the beginning."


def answer_at() -> str:
    """Where providers send browsers back to: register it with them."""
    return settings.PUBLIC_URL.rstrip("/") + reverse("console-oidc-answer")


class Leave(Door):
    """To the provider, for a new session."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest, tenant: UUID) -> HttpResponse:
        journey, url = leave(tenant, client=caller(request.META), answer_at=answer_at())
        return _on_the_way(journey, url)

    def refused(self, request: HttpRequest, error: Unauthenticated) -> HttpResponse:
        return _told(request, UNPROVEN)


class LeaveAgain(Page):
    """To the provider, to make this session fresh."""

    acts = {"GET": SIGNED_IN}

    def get(self, request: HttpRequest) -> HttpResponse:
        client = caller(request.META)
        journey, url = leave(self.principal.tenant_id, client=client, answer_at=answer_at(), session=self.session)
        return _on_the_way(journey, url)


class Answer(Door):
    """Back from the provider."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> HttpResponse:
        journey, client = sessions.journey_of(request), caller(request.META)
        response = HttpResponseRedirect(reverse("console-home"), status=303)
        answer = request.GET.dict()
        if journey.session_id is not None:
            session = sessions.of(request)
            come_back_again(journey, answer, session=session, client=client, answer_at=answer_at())
        else:
            browser = sessions.browser(request)
            sessions.give(response, come_back(journey, answer, browser=browser, client=client, answer_at=answer_at()))
        sessions.end_journey(response)
        return response

    def refused(self, request: HttpRequest, error: Unauthenticated) -> HttpResponse:
        response = _told(request, UNPROVEN if isinstance(error, Unproven) else UNKNOWN)
        sessions.end_journey(response)
        return response


def _on_the_way(journey: Journey, url: str) -> HttpResponse:
    response = HttpResponse(status=303, headers={"Location": url})
    sessions.begin_journey(response, journey)
    return response


def _told(request: HttpRequest, words: str) -> HttpResponse:
    return render(request, "console/not_signed_in.html", {"title": "Not signed in", "words": words}, status=401)

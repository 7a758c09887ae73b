"""A fresh sign-in before acts that cannot be undone, asked for in the middle: what was filled in is not lost."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from foundation.kernel.problems import Unauthenticated
from memwrit.console.sessions import SignedIn
from tenants.models import Session
from tenants.services.confirm_session import confirm_session

FIELD = "confirm_password"
_OURS = (FIELD, "csrfmiddlewaretoken")


def demand(request: HttpRequest, session: SignedIn) -> HttpResponse | None:
    """None where the session is fresh, or has just been made so by the password sent along; else what asks for it."""
    if session.is_fresh:
        return None
    wrong = False
    if session.via == Session.Via.PASSWORD and (given := request.POST.get(FIELD)):
        try:
            confirm_session(session, password=given)
            return None
        except Unauthenticated:
            wrong = True
    return _ask(request, session, wrong=wrong)


def _ask(request: HttpRequest, session: SignedIn, *, wrong: bool) -> HttpResponse:
    """The page that asks again. What was filled in stands in it, to be sent once more; it is kept nowhere."""
    sent = [(name, value) for name, values in request.POST.lists() if name not in _OURS for value in values]
    asked = {"title": "Confirm that it is you", "sent": sent, "wrong": wrong, "session": session, "field": FIELD}
    response = render(request, "console/confirm.html", asked, status=403)
    if request.headers.get("HX-Request"):  # a whole page takes the place of this one
        response["HX-Retarget"], response["HX-Reswap"] = "body", "outerHTML"
    return response

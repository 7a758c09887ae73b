"""Refusals as designed pages; for htmx as a notice in the page that asked. Words are constants of our code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from foundation.kernel.problems import Malformed, NotFound, Problem, Unauthenticated
from foundation.rest import problems, trace
from memwrit.console.navigation import BASE

ADVICE: Mapping[int, str] = {
    400: "The request could not be read. Go back and try again.",
    401: "Your session has ended. Sign in to go on.",
    403: "Your role does not allow this. The refusal has been recorded; an administrator can tell you who may.",
    404: "There is nothing here that you may see. It may be another tenant's, or never have been.",
    409: "Things have changed meanwhile. Go back, look again, and decide on what you see then.",
    410: "This was forgotten on request. Only its record remains.",
    412: "Somebody changed this while you looked at it. Go back, look again, and decide on what you see then.",
    422: "Some of what was given cannot be accepted.",
    429: "That was too much at once. Wait a little, then try again.",
    500: "This should not happen. Nothing was changed. Tell your operator the request's number.",
    503: "A part that this needs is not answering. Nothing was changed. Try again in a moment.",
}


def page(request: HttpRequest, problem: Problem, around: Mapping[str, Any] | None = None) -> HttpResponse:
    """The answer to a refused request: a sign-in for strangers, a notice for htmx, a page for everybody else."""
    if isinstance(problem, Unauthenticated):
        return _to_sign_in(request)
    told = {"problem": problem, "advice": ADVICE.get(problem.status, ""), "request_id": trace.current().request_id}
    htmx = bool(request.headers.get("HX-Request"))
    template = "console/parts/refusal.html" if htmx else "console/refusal.html"
    response = render(request, template, {"title": problem.title} | dict(around or {}) | told, status=problem.status)
    for name, value in problems.headers(problem).items():
        response[name] = value
    if htmx:
        response["HX-Retarget"], response["HX-Reswap"] = "#notices", "innerHTML"
    return response


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """Where a stranger may knock. The page he asked for is not carried along: its address may tell ids."""
    where = reverse("console-sign-in")
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": where})
    return HttpResponse(status=303, headers={"Location": where})


# Django's own refusals, under /console/ as pages and elsewhere as problems.


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(request, NotFound()) if _ours(request) else problems.not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(request, Malformed()) if _ours(request) else problems.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(request, problems.Plain(403)) if _ours(request) else problems.forbidden(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    return page(request, problems.Plain(500)) if _ours(request) else problems.server_error(request)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that did not come from our own page (CSRF_FAILURE_VIEW)."""
    problem = Malformed("This form is not from a page of this session. Load the page anew and send it again.")
    problem.status = 403  # type: ignore[misc]
    return page(request, problem)


def _ours(request: HttpRequest) -> bool:
    return request.path.startswith(BASE)

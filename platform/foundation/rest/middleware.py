"""The envelope of every answer, whoever made it: a request id, and headers that keep browsers and caches out."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from foundation import telemetry
from foundation.rest import trace
from foundation.telemetry import Attribute, Name, Word, instruments

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Answers hold opened memories: no cache on the way may keep one.
    "Cache-Control": "no-store",
}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_MACHINE_CSP = "default-src 'none'; frame-ancestors 'none'"


class Envelope:
    """First in MIDDLEWARE, so that 404s, 500s and refusals of later middleware are named and sealed too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began, caller = time.perf_counter(), request.META.get("HTTP_TRACEPARENT", "")
        with telemetry.span(Name.REQUEST, after=[caller]) as told:
            named = trace.begin(telemetry.carry() or caller)
            told.set(Attribute.REQUEST, Word(named.request_id))
            try:
                response = self._sealed(request, named)
            finally:
                trace.end()
            _tell(told, request, response.status_code, time.perf_counter() - began)
        return response

    def _sealed(self, request: HttpRequest, named: trace.Trace) -> HttpResponse:
        response = self.get_response(request)
        response["X-Request-Id"] = named.request_id
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if not response.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Content-Security-Policy", _MACHINE_CSP)
        return response


def _tell(told: telemetry.Span, request: HttpRequest, status: int, seconds: float) -> None:
    """The pattern of the address, never the address; methods that are none share one word."""
    match = request.resolver_match
    method = Word(request.method if request.method in _METHODS else "_OTHER")
    route = Word(f"/{match.route}" if match is not None else "none")
    telemetry.record(instruments.REQUEST_DURATION, seconds, method, route, status)
    told.rename(Word(f"{method} {route}"))
    for attribute, value in ((Attribute.METHOD, method), (Attribute.ROUTE, route), (Attribute.STATUS, status)):
        told.set(attribute, value)
    if status >= 500:
        told.fail()

"""The envelope of every answer, whoever made it: a request id, and headers that keep browsers and caches out."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from foundation.rest import trace

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Answers hold opened memories: no cache on the way may keep one.
    "Cache-Control": "no-store",
}
_MACHINE_CSP = "default-src 'none'; frame-ancestors 'none'"


class Envelope:
    """First in MIDDLEWARE, so that 404s, 500s and refusals of later middleware are named and sealed too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        named = trace.begin(request.META.get("HTTP_TRACEPARENT"))
        response = self.get_response(request)
        response["X-Request-Id"] = named.request_id
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if not response.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Content-Security-Policy", _MACHINE_CSP)
        return response

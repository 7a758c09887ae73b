"""Refusals as `application/problem+json` (RFC 9457), whatever raised them.

Titles and details are constants of the code: no input, no row, no message of a driver is ever repeated.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions

from foundation import telemetry
from foundation.kernel.problems import (
    Integrity,
    Malformed,
    NotFound,
    Problem,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from foundation.rest import trace
from foundation.telemetry import instruments

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger(__name__)


class Plain(Problem):
    """A refusal of HTTP itself, with no meaning beyond its status: `type` is `about:blank` (RFC 9457 §4.2.1)."""

    def __init__(self, status: int, *, headers: Mapping[str, str] | None = None) -> None:
        self.title = HTTPStatus(status).phrase  # type: ignore[misc]
        self.status = status  # type: ignore[misc]
        self.headers = dict(headers or {})
        super().__init__()

    @property
    def type(self) -> str:
        return "about:blank"


def of(error: BaseException, *, allow: str = "") -> Problem:
    """The problem that tells `error`; what nobody foresaw is a bare 500 and a log line without its message."""
    if isinstance(error, Problem):
        if isinstance(error, Integrity):
            telemetry.record(instruments.VERIFY_FAILURES, 1, telemetry.Where.REQUEST)
        return error
    if isinstance(error, Http404 | exceptions.NotFound):
        return NotFound()
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return Unauthenticated()
    if isinstance(error, exceptions.ParseError | SuspiciousOperation):
        return TooLarge() if isinstance(error, RequestDataTooBig) else Malformed()
    if isinstance(error, exceptions.MethodNotAllowed):
        return Plain(405, headers={"Allow": allow})
    if isinstance(error, exceptions.APIException):
        return Plain(error.status_code)
    return _unforeseen(error)


def _unforeseen(error: BaseException) -> Problem:
    log.error("unhandled %s; %s", _kind(error), _frames(error))
    if isinstance(error, OperationalError | InterfaceError):  # the database is away, or a deadlock chose us
        return Unavailable(retry_after=1)
    return Plain(500)


def _kind(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _frames(error: BaseException) -> str:
    places = traceback.extract_tb(error.__traceback__)[-8:]
    return " < ".join(f"{place.filename}:{place.lineno} {place.name}" for place in reversed(places))


def body(problem: Problem) -> dict[str, Any]:
    """The members of RFC 9457, `errors`, `trace_id`, and the problem's own."""
    return {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "errors": [
            {"pointer": each.pointer, "code": each.code} | ({"detail": each.detail} if each.detail else {})
            for each in problem.errors
        ],
        "trace_id": trace.current().trace_id,
    } | problem.extra


def headers(problem: Problem) -> dict[str, str]:
    """Headers that the status demands."""
    made = dict(problem.headers) if isinstance(problem, Plain) else {}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        made["WWW-Authenticate"] = 'Bearer realm="memwrit"'
    if problem.retry_after is not None:
        made["Retry-After"] = str(problem.retry_after)
    return made


def response(problem: Problem) -> HttpResponse:
    """The answer itself."""
    data = json.dumps(body(problem), ensure_ascii=False, default=str).encode("utf-8", "replace")
    return HttpResponse(data, status=problem.status, content_type=MEDIA_TYPE, headers=headers(problem))


# Django's own refusals: name these as handler404, handler400, handler403, handler500 in the root URLconf.


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return response(NotFound())


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return response(Malformed())


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return response(Plain(403))


def server_error(request: HttpRequest) -> HttpResponse:
    return response(Plain(500))

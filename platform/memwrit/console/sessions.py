"""The session's cookie: what the browser is given, and who it stands for when it comes back."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from foundation.kernel.problems import Unauthenticated
from foundation.rest.throttles import caller, stranger_rate, strangers
from tenants.oidc import Journey
from tenants.sessions import LIFE, SignedIn, signed_in
from tenants.tickets import Ticket

__all__ = ["SignedIn", "of"]

TENANT = "memwrit-tenant"
YEAR = 365 * 24 * 3600


def secure() -> bool:
    """Whether clients reach this deployment by https."""
    return urlsplit(settings.PUBLIC_URL).scheme == "https"


def name() -> str:
    """`__Host-`: from this host alone, by https, for every path. Plain http has no such promise to give."""
    return "__Host-memwrit" if secure() else "memwrit"


def of(request: HttpRequest) -> SignedIn:
    """The session of a request; raises `Unauthenticated`, and `RateLimited` where a client sends too many cookies
    that open nothing."""
    try:
        return signed_in(request.COOKIES.get(name(), ""), browser(request))
    except Unauthenticated:
        if name() in request.COOKIES:
            strangers.take(caller(request.META), stranger_rate()).require()
        raise


def browser(request: HttpRequest) -> str:
    """What the session is bound to beside its secret."""
    return request.headers.get("User-Agent", "")[:512]


def give(response: HttpResponse, ticket: Ticket) -> None:
    """Hand out the session, and remember the tenant for the next sign-in."""
    _set(response, name(), ticket.text(), int(LIFE.total_seconds()))
    _set(response, TENANT, ticket.tenant_id.hex, YEAR)


def device(request: HttpRequest) -> str:
    """The cookie of an earlier sign-in by password in this browser; "" where there is none."""
    return request.COOKIES.get(device_name(), "")


def device_name() -> str:
    return f"{name()}-device"


def give_device(response: HttpResponse, text: str) -> None:
    """By which the browser is known at the next sign-in (`tenants.devices`); it stays when the session ends."""
    _set(response, device_name(), text, YEAR)


def take_back(response: HttpResponse) -> None:
    """The session ends in this browser; in the database it has ended before."""
    _clear(response, name())


def journey_name() -> str:
    return f"{name()}-journey"


def begin_journey(response: HttpResponse, journey: Journey) -> None:
    """Keep in the browser what it must bring back from the identity provider within ten minutes."""
    _set(response, journey_name(), journey.text(), 600)


def end_journey(response: HttpResponse) -> None:
    _clear(response, journey_name())


def journey_of(request: HttpRequest) -> Journey:
    """Raises `Unproven` for a browser that did not set out from here."""
    return Journey.read(request.COOKIES.get(journey_name(), ""))


def remembered_tenant(request: HttpRequest) -> UUID | None:
    """The tenant of this browser's last sign-in."""
    try:
        return UUID(hex=request.COOKIES.get(TENANT, ""))
    except ValueError:
        return None


def _clear(response: HttpResponse, cookie: str) -> None:
    response.delete_cookie(cookie, path="/", samesite="Lax")
    if secure():  # a __Host- cookie is only ever set, or cleared, as secure
        response.cookies[cookie]["secure"] = True


def _set(response: HttpResponse, cookie: str, value: str, age: int) -> None:
    # Lax and not Strict: an identity provider leads back here from its own site.
    response.set_cookie(cookie, value, max_age=age, path="/", secure=secure(), httponly=True, samesite="Lax")

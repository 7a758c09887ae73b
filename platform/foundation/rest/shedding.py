"""Load shedding: a web process that has more waiting than it can answer soon refuses what it takes up, at once.

Without it a queue grows until its clients give up, and then the work done is for nobody. A refused request has done
nothing: it answers 503 with Retry-After, and is safe to send again. Probes are never refused.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from foundation.kernel.problems import Unavailable
from foundation.rest import problems

PROBES = ("/healthz", "/readyz")
RETRY_AFTER = 2  # seconds


def _nothing() -> int:
    return 0


class Shed:
    """Second in MIDDLEWARE, behind the envelope: a refusal costs next to nothing."""

    waiting: Callable[[], int] = staticmethod(_nothing)
    """How many requests wait for a thread of this process; whoever serves it says how (`memwrit.embedded.web`)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if Shed.waiting() > settings.WEB_QUEUE and request.path not in PROBES:
            busy = Unavailable("The service is at its limit: nothing was done, try again.", retry_after=RETRY_AFTER)
            return problems.response(busy)
        return self.get_response(request)

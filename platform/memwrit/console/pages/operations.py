"""Long work: how far it is. The bar asks again by itself until the work has ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import path

from governance.api.erasure import find_operation
from governance.models import Operation
from memwrit.console.views import Page

ENDED = (Operation.State.DONE, Operation.State.FAILED)
WORDS = {
    "incident": "Deciding everything that waits in the incident",
    "erasure": "Erasing",
    "rollback": "Rolling back",
    "rekey": "Re-keying the index",
}


class OneOperation(Page):
    """A page for who waits, and the bar alone for htmx."""

    acts = {"GET": "operation.read"}
    title = "Work in progress"
    template = "console/operation.html"
    notices = {"started": "The work has begun. You may leave this page; it goes on."}

    def get(self, request: HttpRequest, id: UUID) -> Mapping[str, Any] | HttpResponse:
        row = find_operation(id)
        told = {"operation": row, "ended": row.state in ENDED, "words": WORDS.get(row.kind, row.kind)}
        if request.headers.get("HX-Request"):
            return self.part("console/parts/progress.html", told)
        return told


urlpatterns = [path("operations/<uuid:id>", OneOperation.as_view(), name="console-operation")]

"""Who besides this installation vouches for the log: witnesses that cosign the directory of all logs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path

from audit import witnessing
from audit.origin import DIRECTORY, own_checkpoint
from audit.witnessing import BROKEN, Standing, State
from foundation.kernel.problems import NotFound
from memwrit.console.views import Page

WORDS = {
    State.UNASKED: "not asked yet",
    State.COSIGNED: "cosigned",
    State.UNREACHED: "does not answer",
    State.DECLINED: "does not sign this log",
    State.UNPROVEN: "its signature does not hold",
    State.FORKED: "has signed another history",
    State.BEHIND: "has signed a longer log than this",
}
FORMS = ("txt", "tlog-proof")


class Witnesses(Page):
    """The directory's checkpoint, and what each witness last made of it."""

    acts = {"GET": "audit.read"}
    title = "Witnesses"
    template = "console/audit/witnesses.html"

    def get(self, request: HttpRequest) -> dict[str, Any]:
        note, found = witnessing.directory(), witnessing.standings(self.principal.tenant_id)
        told = [(each, WORDS[each.state], _tone(each)) for each in found]
        size = own_checkpoint(note, DIRECTORY).size if note else 0
        return {
            "note": note,
            "size": size,
            "witnesses": told,
            "broken": [each for each in found if each.state in BROKEN],
        }


class Evidence(Page):
    """What a witness signed, as a file: the checkpoint, or the proof that this tenant's log is under it."""

    acts = {"GET": "audit.read"}

    def get(self, request: HttpRequest, number: int, form: str) -> HttpResponse:
        found = witnessing.standings(self.principal.tenant_id)
        if number >= len(found) or form not in FORMS:
            raise NotFound
        text = found[number].note if form == "txt" else found[number].proof
        if not text:
            raise NotFound
        headers = {"Content-Disposition": f'attachment; filename="directory-{number}.{form}"'}
        return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)


def _tone(each: Standing) -> str:
    return "good" if each.state == State.COSIGNED else "bad" if each.state in (*BROKEN, State.UNPROVEN) else "warn"


urlpatterns = [
    path("audit/witnesses", Witnesses.as_view(), name="console-witnesses"),
    path("audit/witnesses/<int:number>.<str:form>", Evidence.as_view(), name="console-witness"),
]

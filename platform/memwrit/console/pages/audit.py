"""The audit log: its events, what proves them, and how the log itself stands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.http import urlencode

from audit import selectors
from audit.acts import Act
from audit.event import Target
from audit.selectors import Filter, Listed
from audit.services.record import record
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Erased, NotSequenced
from foundation.kernel.scope import tenant_transaction
from memwrit.console import proving
from memwrit.console.forms import ServiceForm
from memwrit.console.navigation import Nav
from memwrit.console.views import Page
from tenants.roles import POLICY
from tenants.selectors import names_of, principals

NAV = Nav("Audit", "audit", "audit.read", 70, "Duties")
PAGE = 50


class Filters(ServiceForm):
    """What the timeline shows. All of it may stand in an address: ids, moments and words of our own."""

    act = forms.ChoiceField(required=False)
    actor = forms.UUIDField(required=False, widget=forms.TextInput(attrs={"list": "actors"}))
    target = forms.UUIDField(required=False)
    since = forms.DateTimeField(required=False, widget=forms.HiddenInput)
    until = forms.DateTimeField(required=False, widget=forms.HiddenInput)
    before = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = groupby(sorted(act.value for act in Act), key=lambda act: act.partition(".")[0])
        groups = [(about, [(act, act) for act in acts]) for about, acts in named]
        self.fields["act"].choices = [("", "all"), *groups]  # type: ignore[attr-defined]

    def filter(self) -> Filter:
        told = self.cleaned_data
        act = Act(told["act"]) if told.get("act") else None
        return Filter(act, told.get("actor"), told.get("target"), told.get("since"), told.get("until"))


@dataclass(frozen=True, slots=True)
class Line:
    """One event as the timeline shows it."""

    id: UUID
    at: datetime
    act: str
    actor_id: UUID
    actor: str
    target: Target | None
    outcome: str
    policy: str
    index: int | None


class Timeline(Page):
    """Events, newest first."""

    acts = {"GET": "audit.read"}
    title = "Audit"
    template = "console/audit/timeline.html"
    audited = True

    def get(self, request: HttpRequest) -> HttpResponse:
        form = Filters(request.GET or None)
        wanted, before = (form.filter(), form.cleaned_data["before"]) if form.is_valid() else (Filter(), None)
        with tenant_transaction():
            found = selectors.events(wanted, before=before, limit=PAGE + 1)
            told = {"lines": lines(found[:PAGE]), "actors": principals(200), "state": selectors.state()}
            _tell(self.principal)
        older = _older(request, found[PAGE - 1]) if len(found) > PAGE else ""
        wrong = bool(request.GET) and not form.is_valid()
        return self.show(told | {"form": form, "older": older, "wrong": wrong}, status=422 if wrong else 200)


class OneEvent(Page):
    """One event, and whether it is in the log, checked now."""

    acts = {"GET": "audit.read"}
    title = "Event"
    template = "console/audit/event.html"
    audited = True

    def get(self, request: HttpRequest, id: UUID) -> dict[str, Any]:
        with tenant_transaction():
            event, detail = _detail(id)
            proven = proving.included(id)
            (line,) = lines([Listed(event, (proven.facts or {}).get("index"))])
            _tell(self.principal, Target("event", id))
        return {"line": line, "detail": detail, "proven": proven, "changes": event.changes, "vkey": proving.vkey()}


class ProofFile(Page):
    """An event's inclusion proof as a file for `memwrit verify inclusion`: JSON, or C2SP's tlog-proof."""

    acts = {"GET": "audit.read"}
    audited = True

    def get(self, request: HttpRequest, id: UUID, form: str) -> HttpResponse:
        with tenant_transaction():
            found = selectors.inclusion(id)
            _tell(self.principal, Target("event", id))
        if form == "tlog-proof":
            return _file(found.proof.text(), f"{id}.tlog-proof", "text/plain; charset=utf-8")
        return _file(json.dumps(found.body(), indent=1), f"{id}.json", "application/json")


class CheckpointForm(ServiceForm):
    checkpoint = forms.CharField(
        strip=False,
        max_length=4096,
        widget=forms.Textarea(attrs={"rows": 7, "spellcheck": "false", "class": "mono"}),
        help_text="One that you kept from earlier, whole, as it was downloaded.",
    )


class Log(Page):
    """The log itself: its signed head, whether it stands still, and whether it extends what somebody kept."""

    acts = {"GET": "audit.read", "POST": "audit.read"}
    title = "The log"
    template = "console/audit/log.html"
    audited = True

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._standing(CheckpointForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        if request.POST.get("do") == "whole":
            return self._standing(CheckpointForm(), whole=proving.whole())
        form = CheckpointForm(request.POST)
        if not form.is_valid():
            return self._standing(form, status=422)
        return self._compared(form)

    def _compared(self, form: CheckpointForm) -> HttpResponse:
        note = form.cleaned_data["checkpoint"].replace("\r\n", "\n")
        with tenant_transaction():
            proof, proven = proving.extends(note)
        if self.request.POST.get("do") == "download":
            _told_alone(self.principal)
            return _file(json.dumps(proof, indent=1), "consistency.json", "application/json")
        return self._standing(form, compared=proven)

    def _standing(self, form: CheckpointForm, *, status: int = 200, **more: Any) -> HttpResponse:
        with tenant_transaction():
            told = {"state": selectors.state(), "form": form, "vkey": proving.vkey()} | _head()
            _tell(self.principal)
        return self.show(told | more, status=status)


class CheckpointFile(Page):
    """The newest published checkpoint as a file: keep it, and compare later."""

    acts = {"GET": "audit.read"}
    audited = True

    def get(self, request: HttpRequest) -> HttpResponse:
        with tenant_transaction():
            note = proving.head()[0]
            _tell(self.principal)
        return _file(note, "checkpoint.txt", "text/plain; charset=utf-8")


def lines(found: Sequence[Listed]) -> list[Line]:
    """Events with the names of who acted. Inside `tenant_transaction`."""
    names = names_of(listed.event.actor.id for listed in found)
    return [_line(listed, names) for listed in found]


def _line(listed: Listed, names: Mapping[UUID, str]) -> Line:
    event = listed.event
    return Line(
        event.id,
        datetime.fromtimestamp(event.ts / 1000, UTC),
        event.act.value,
        event.actor.id,
        names.get(event.actor.id, event.actor.kind),
        event.target,
        event.outcome,
        event.policy,
        listed.index,
    )


def _detail(id: UUID) -> tuple[Any, Mapping[str, Any] | None]:
    """An event and its opened detail; None where that has been erased."""
    try:
        return selectors.detail(id)
    except Erased:
        return selectors.event(id), None


def _head() -> dict[str, Any]:
    """The published checkpoint; nothing for a log that has none yet."""
    try:
        note, checkpoint, signed_at = proving.head()
    except NotSequenced:
        return {"checkpoint": None}
    return {"note": note, "checkpoint": checkpoint, "signed_at": signed_at}


def _tell(principal: Principal, target: Target | None = None) -> None:
    """Looking at the log is an event, as it is through the API. Inside `tenant_transaction`."""
    record(principal, Act.AUDIT_READ, target=target, policy=POLICY)


def _told_alone(principal: Principal) -> None:
    with tenant_transaction():
        _tell(principal)


def _older(request: HttpRequest, last: Listed) -> str:
    kept = {name: str(value) for name, value in request.GET.items() if value and name != "before"}
    return urlencode(kept | {"before": str(last.event.id)})


def _file(text: str, name: str, kind: str) -> HttpResponse:
    return HttpResponse(text, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


urlpatterns = [
    path("audit", Timeline.as_view(), name="console-audit"),
    path("audit/log", Log.as_view(), name="console-log"),
    path("audit/checkpoint.txt", CheckpointFile.as_view(), name="console-checkpoint"),
    path("audit/events/<uuid:id>", OneEvent.as_view(), name="console-event"),
    path("audit/events/<uuid:id>/proof.<str:form>", ProofFile.as_view(), name="console-proof"),
]

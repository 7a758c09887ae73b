"""One memory: as it stands or stood, its versions side by side, its lineage drawn, its history, who was handed it; and
what can be done about it, each with a look at what would change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse

from foundation.kernel.problems import Problem, Validation, Withdrawn
from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag
from governance import explorer, names, revealing, selectors
from governance.opening import Shown
from governance.services.rollback import roll_back
from governance.services.withdraw import withdraw
from governance.timeline import Moment
from governance.weighing import standing_of
from guard import explanations
from memwrit.console import comparing, lineage
from memwrit.console.fields import MomentField, Reason
from memwrit.console.forms import ServiceForm
from memwrit.console.navigation import Offers
from memwrit.console.views import Page

NOTICES = {
    "rolled-back": "Taken up again: the earlier text is the new version.",
    "withdrawn": "Withdrawn: it is out of every read, and can be taken up again until its time is over.",
}


class AtMoment(ServiceForm):
    """When to look at the record."""

    as_of = MomentField(label="As of", required=False)
    known_at = MomentField(label="Known at", required=False)


class Undoing(ServiceForm):
    """The version to take up again, what the record was when that was decided, and why."""

    to_version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    match = forms.CharField(max_length=64, widget=forms.HiddenInput)
    reason = Reason()


class Matching(ServiceForm):
    """What the record was when something was decided about it."""

    match = forms.CharField(max_length=64, widget=forms.HiddenInput)


class OfRecord(Page):
    """What the pages of one record share: its tabs, and the page of a withdrawn one."""

    tab = ""
    notices = NOTICES
    audited = True

    def surroundings(self) -> dict[str, Any]:
        return super().surroundings() | {"tab": self.tab, "memory_id": self.kwargs.get("id")}

    def withdrawn(self, id: UUID) -> HttpResponse:
        """A withdrawn record, for who may take it up again; `NotFound` or `PolicyDenied` for others."""
        found = explorer.withdrawn(self.principal, id)
        told = {"withdrawn": found, "match": etag(found.cube.version, found.cube.rev)}
        return self.show(told, template="console/memories/withdrawn.html")

    def _refused(self, error: Exception) -> HttpResponse:
        if isinstance(error, Withdrawn) and self.method == "GET" and "memory.rollback" in Offers(self.principal):
            try:
                return self.withdrawn(self.kwargs["id"])
            except Problem as problem:
                error = problem
        return super()._refused(error)


class OneMemory(OfRecord):
    """The record: text, decision, source, holds."""

    acts = {"GET": "memory.read"}
    title = "Memory"
    template = "console/memories/record.html"
    tab = "record"

    def get(self, request: HttpRequest, id: UUID) -> Mapping[str, Any]:
        form = AtMoment(request.GET)
        moment = Moment(form.cleaned_data["as_of"], form.cleaned_data["known_at"]) if form.is_valid() else Moment()
        shown = selectors.memory(self.principal, memory_id=id, moment=moment)
        return _record(self, shown) | {"form": form, "moment": moment}


def _record(page: Page, shown: Shown) -> dict[str, Any]:
    memory, offers = shown.memory, Offers(page.principal)
    with tenant_transaction():
        people = names.principals([memory.version.principal_id, memory.cube.owner_id])
        space = names.spaces(page.principal).get(memory.cube.space_id, "")
        stay = explorer.stay(memory.cube)
    return {
        "stay": stay,
        "shown": shown,
        "memory": memory,
        "standing": standing_of(memory).value,
        "tokens": revealing.tokens(memory.payload),
        "reasons": explanations.explain(shown.decision["reasons"]),
        "holds": explorer.holds(page.principal, memory.cube) if "hold.read" in offers else None,
        "people": people,
        "space": space,
        "match": etag(memory.cube.version, memory.cube.rev),
    }


class Versions(OfRecord):
    """Every version that was served, and two of them side by side."""

    acts = {"GET": "memory.read"}
    title = "Versions of a memory"
    template = "console/memories/versions.html"
    tab = "versions"

    def get(self, request: HttpRequest, id: UUID) -> Mapping[str, Any]:
        found = selectors.versions(self.principal, memory_id=id)
        numbers = [memory.version.number for memory, _, _ in found]
        chosen = _chosen(request, numbers)
        with tenant_transaction():
            people = names.principals(memory.version.principal_id for memory, _, _ in found)
        told = {"versions": list(reversed(found)), "numbers": numbers, "people": people, "chosen": chosen}
        return told | {"differences": _differences(self, id, chosen) if chosen else None}


def _chosen(request: HttpRequest, numbers: Sequence[int]) -> tuple[int, int] | None:
    """The two versions that were asked for, or else the last two."""
    asked = [int(text) for name in ("from", "to") if (text := request.GET.get(name, "")).isdigit()]
    if len(asked) == 2 and set(asked) <= set(numbers):
        return asked[0], asked[1]
    return (numbers[-2], numbers[-1]) if len(numbers) > 1 else None


def _differences(page: Page, id: UUID, numbers: tuple[int, int]) -> list[comparing.Sides]:
    changes = selectors.diff(page.principal, memory_id=id, numbers=numbers)
    return [comparing.sides(each["path"], each["from"], each["to"]) for each in changes]


class Lineage(OfRecord):
    """What the record comes from and what came from it."""

    acts = {"GET": "memory.read"}
    title = "Lineage of a memory"
    template = "console/memories/lineage.html"
    tab = "lineage"

    def get(self, request: HttpRequest, id: UUID) -> Mapping[str, Any]:
        nodes, edges = selectors.lineage(self.principal, memory_id=id)
        root = next(place for place in nodes if place[0] == id)
        hrefs = {cube_id: reverse("console-memory", args=[cube_id]) for cube_id, _ in nodes}
        return {"drawn": lineage.draw(root, nodes, edges, hrefs), "edges": edges}


class History(OfRecord):
    """Every header the record had."""

    acts = {"GET": "memory.read"}
    title = "History of a memory"
    template = "console/memories/history.html"
    tab = "history"

    def get(self, request: HttpRequest, id: UUID) -> Mapping[str, Any]:
        found = explorer.history(self.principal, id)
        with tenant_transaction():
            people = names.principals(each.principal_id for each in found)
        return {"revisions": found, "people": people}


class Readers(OfRecord):
    """Who was handed the record."""

    acts = {"GET": "retrieval.read"}
    title = "Who read a memory"
    template = "console/memories/readers.html"
    tab = "readers"

    def get(self, request: HttpRequest, id: UUID) -> Mapping[str, Any]:
        found = explorer.readers(self.principal, id)
        with tenant_transaction():
            people = names.principals(each.principal_id for each in found)
        return {"readers": found, "people": people}


class Rollback(OfRecord):
    """What taking up an earlier version would change; then, with a reason, that."""

    acts = {"GET": "memory.rollback", "POST": "memory.rollback"}
    title = "Take up an earlier version"
    template = "console/memories/rollback.html"
    tab = "versions"

    def get(self, request: HttpRequest, id: UUID) -> Mapping[str, Any] | HttpResponse:
        asked = request.GET.get("to", "")
        shown = selectors.memory(self.principal, memory_id=id)
        return _preview(self, shown, int(asked) if asked.isdigit() else 1)

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        form = Undoing(request.POST)
        if form.is_valid():
            told = form.cleaned_data
            try:
                roll_back(
                    self.principal,
                    memory_id=id,
                    if_match=told["match"],
                    to_version=told["to_version"],
                    reason=told["reason"],
                )
                return self.done("rolled-back", f"memories/{id}")
            except Validation as problem:  # of a hidden field: nobody would see it beside that
                form.add_error(None, problem.errors[0].detail)
        return self.show({"form": form, "again": True}, status=422)


def _preview(page: Page, shown: Shown, to: int) -> dict[str, Any]:
    """The dry run: what differs between what is served and what would be."""
    cube, number = shown.memory.cube, shown.memory.version.number
    match = etag(cube.version, cube.rev)
    return {
        "form": Undoing(initial={"to_version": to, "match": match}),
        "differences": _differences(page, cube.id, (number, to)),
        "present": number,
        "to": to,
        "undone": list(range(to + 1, number + 1)),
    }


class Withdrawal(OfRecord):
    """Take a record out of service."""

    acts = {"GET": "memory.withdraw", "POST": "memory.withdraw"}
    title = "Withdraw a memory"
    template = "console/memories/withdraw.html"
    tab = "record"
    fresh = frozenset({"POST"})

    def get(self, request: HttpRequest, id: UUID) -> Mapping[str, Any]:
        shown = selectors.memory(self.principal, memory_id=id)
        match = etag(shown.memory.cube.version, shown.memory.cube.rev)
        return {"form": Matching(initial={"match": match}), "memory": shown.memory}

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        form = Matching(request.POST)
        if not form.is_valid():
            return self.show({"form": form}, status=422)
        withdraw(self.principal, memory_id=id, if_match=form.cleaned_data["match"])
        return self.done("withdrawn", f"memories/{id}" if "memory.rollback" in Offers(self.principal) else "memories")


urlpatterns = [
    path("memories/<uuid:id>", OneMemory.as_view(), name="console-memory"),
    path("memories/<uuid:id>/versions", Versions.as_view(), name="console-memory-versions"),
    path("memories/<uuid:id>/lineage", Lineage.as_view(), name="console-memory-lineage"),
    path("memories/<uuid:id>/history", History.as_view(), name="console-memory-history"),
    path("memories/<uuid:id>/readers", Readers.as_view(), name="console-memory-readers"),
    path("memories/<uuid:id>/rollback", Rollback.as_view(), name="console-memory-rollback"),
    path("memories/<uuid:id>/withdraw", Withdrawal.as_view(), name="console-memory-withdraw"),
]

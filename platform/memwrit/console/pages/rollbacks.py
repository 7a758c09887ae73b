"""Undoing many records: orders, what one would change, and its way to the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path

from foundation.kernel.scope import tenant_transaction
from governance import names, selectors
from governance.rollbacks import reading
from governance.rollbacks.models import Rollback
from governance.rollbacks.planning import Action, Plan
from governance.services.approve_rollback import approve_rollback
from governance.services.execute_rollback import execute_rollback
from governance.services.plan_rollback import Wanted, plan_rollback
from memwrit.console import comparing
from memwrit.console.fields import Ids, MomentField, Reason, choose, identified
from memwrit.console.forms import ServiceForm
from memwrit.console.navigation import Nav
from memwrit.console.plan_pages import PlanPage
from memwrit.console.views import Page
from tenants.selectors import principals

NAV = Nav("Rollback", "rollbacks", "rollback.read", 45, "Duties")
S = Rollback.State
PAGE = 25
WRITERS = 1000
"""Principals that are offered as writers, the newest."""
SHOWN = 200
SAMPLES = 3
"""Records whose change is shown side by side before it is ordered."""
DOES = {
    Action.RESTORE: "goes back to its last clean version",
    Action.WITHDRAW: "is withdrawn",
    Action.HOLD: "waits for review",
    Action.RESTRICT: "is restricted: a legal hold keeps it",
    Action.REFUSE: "keeps its version; what waited to replace it is refused",
}


class Undoing(ServiceForm):
    """Which versions are bad: those that meet everything that is filled in; and why they are undone."""

    source = forms.CharField(required=False, max_length=256, help_text="As writers named it.")
    actor = forms.CharField(required=False, max_length=256, help_text="As writers named it.")
    session = forms.CharField(required=False, max_length=256, help_text="As writers named it.")
    writer_id = forms.ChoiceField(label="Written by", required=False)
    space = forms.ChoiceField(required=False)
    since = MomentField(label="Recorded since", required=False)
    ids = Ids()
    reason = Reason()

    def __init__(self, *args: Any, spaces: Mapping[UUID, str], writers: Mapping[UUID, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose(self, "space", [("", "All"), *((str(id), name) for id, name in spaces.items())])
        choose(self, "writer_id", [("", "Anybody"), *((str(id), name or "unnamed") for id, name in writers.items())])

    def wanted(self) -> Wanted:
        """What `plan_rollback` is asked."""
        told = self.cleaned_data
        return Wanted(
            source=told["source"] or None,
            actor=told["actor"] or None,
            session=told["session"] or None,
            writer_id=identified(told["writer_id"]),
            space_id=identified(told["space"]),
            since=told["since"],
            ids=tuple(told["ids"]),
        )


class Rollbacks(Page):
    """The orders, newest first."""

    acts = {"GET": "rollback.read"}
    title = "Rollback"
    template = "console/rollbacks/list.html"

    def get(self, request: HttpRequest) -> Mapping[str, Any]:
        state = request.GET.get("state") if request.GET.get("state") in S.values else None
        before = identified(request.GET.get("before"))
        with tenant_transaction():
            rows = reading.rollbacks(self.principal, state=state)
            rows = rows if before is None else rows.filter(id__lt=before)
            found = list(rows.order_by("-id")[: PAGE + 1])
            people = names.principals(each.requested_by for each in found)
        shown = found[:PAGE]
        told = {"rows": [(row, reading.state_of(row)) for row in shown], "people": people, "state": state}
        return told | {"states": S.values, "after": shown[-1].id if len(found) > PAGE else None}


class NewRollback(PlanPage):
    """An order: first what it would change, then the order itself."""

    acts = {"GET": "rollback.plan", "POST": "rollback.plan"}
    title = "Roll back"
    template = "console/rollbacks/new.html"

    def make(self, *args: Any, **kwargs: Any) -> Undoing:
        with tenant_transaction():
            writers = {row.id: row.name for row in principals(WRITERS)}
            return Undoing(*args, spaces=names.spaces(self.principal), writers=writers, **kwargs)

    def planned(self, form: Undoing, *, ordered: bool) -> Mapping[str, Any] | HttpResponse:
        reason = form.cleaned_data["reason"]
        planned = plan_rollback(self.principal, wanted=form.wanted(), reason=reason, dry_run=not ordered)
        if ordered:
            return self.done("planned", f"rollbacks/{planned.rollback.id}")
        return {"form": form, "counts": planned.rollback.counts} | _lines(self, planned.plan)


def _lines(page: Page, plan: Plan) -> dict[str, Any]:
    """The records that would change, and some of them side by side."""
    lines = [
        {"id": each.cube.id, "from": each.from_version, "to": each.to_version, "does": DOES[each.action]}
        for each in plan.undoings[:SHOWN]
    ]
    restored = [each for each in plan.undoings if each.to_version][:SAMPLES]
    samples = [(each.cube.id, _sides(page, each.cube.id, (each.from_version, each.to_version))) for each in restored]
    return {"lines": lines, "more": max(0, len(plan.undoings) - SHOWN), "samples": samples}


def _sides(page: Page, memory_id: UUID, numbers: Sequence[int | None]) -> list[comparing.Sides]:
    told = [number for number in numbers if number]
    found = selectors.diff(page.principal, memory_id=memory_id, numbers=told)
    return [comparing.sides(each["path"], each["from"], each["to"]) for each in found]


class OneRollback(Page):
    """One order: its plan, how far it is, its report. While it runs the middle of the page asks again by itself."""

    acts = {"GET": "rollback.read"}
    title = "One rollback"
    template = "console/rollbacks/rollback.html"
    notices = {
        "planned": "Planned. Nothing is changed until it is executed.",
        "approved": "Approved.",
        "started": "It has begun; it goes on without you.",
    }

    def get(self, request: HttpRequest, id: UUID) -> Mapping[str, Any] | HttpResponse:
        told = reading.told(self.principal, id)
        about = {"told": told, "row": told.rollback, "running": told.state == S.RUNNING}
        if request.headers.get("HX-Request"):
            return self.part("console/rollbacks/_standing.html", about)
        return about | self._around(told)

    def _around(self, told: reading.Told) -> dict[str, Any]:
        row, mine = told.rollback, self.principal.id
        with tenant_transaction():
            items = list(reading.items_of(row).order_by("id")[: SHOWN + 1])
            people = names.principals([row.requested_by, row.executed_by, row.writer_id, *row.approved_by])
            spaces = names.spaces(self.principal)
        return {
            "lines": [{"item": each, "does": DOES[Action(each.action)]} for each in items[:SHOWN]],
            "more": len(items) > SHOWN,
            "people": people,
            "space": spaces.get(row.space_id, "") if row.space_id else "",
            "approvable": told.state == S.PLANNED and mine not in (row.requested_by, *row.approved_by),
            "executable": told.state in reading.PLANS,
        }


class Handed(Page):
    """The searches that handed out what is bad by this order: the prompts it entered."""

    acts = {"GET": "retrieval.read"}
    title = "Who was handed what is rolled back"
    template = "console/rollbacks/retrievals.html"

    def get(self, request: HttpRequest, id: UUID) -> Mapping[str, Any]:
        before = identified(request.GET.get("before"))
        found = reading.handed_out(self.principal, id, before=before, limit=PAGE)
        shown = found[:PAGE]
        with tenant_transaction():
            people = names.principals(each.principal_id for each in shown)
        after = shown[-1].retrieval_id if len(found) > PAGE else None
        return {"id": id, "found": shown, "people": people, "after": after}


class Approving(Page):
    """One more person's word."""

    acts = {"POST": "rollback.approve"}

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        approve_rollback(self.principal, rollback_id=id)
        return self.done("approved", f"rollbacks/{id}")


class Executing(Page):
    """Run it: exactly what was planned, or nothing."""

    acts = {"POST": "rollback.execute"}
    fresh = frozenset({"POST"})

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        execute_rollback(self.principal, rollback_id=id, expected_manifest=request.POST.get("manifest", ""))
        return self.done("started", f"rollbacks/{id}")


urlpatterns = [
    path("rollbacks", Rollbacks.as_view(), name="console-rollbacks"),
    path("rollbacks/new", NewRollback.as_view(), name="console-rollback-new"),
    path("rollbacks/<uuid:id>", OneRollback.as_view(), name="console-rollback"),
    path("rollbacks/<uuid:id>/retrievals", Handed.as_view(), name="console-rollback-retrievals"),
    path("rollbacks/<uuid:id>/approve", Approving.as_view(), name="console-rollback-approve"),
    path("rollbacks/<uuid:id>/execute", Executing.as_view(), name="console-rollback-execute"),
]

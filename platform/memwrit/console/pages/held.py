"""The held queue: what waits for a person, why, and the decision about it, one by one, many at once, or an incident."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import path

from foundation.kernel.principal import Principal
from foundation.kernel.problems import AlreadyDecided, NotFound, Problem
from foundation.kernel.scope import tenant_transaction
from governance import held, names, selectors
from governance.held import Line, Wanted
from governance.models import Admission, Incident
from governance.services.review import approve, reject
from governance.services.review_incident import review_incident
from guard import explanations
from memwrit.console.fields import Reason, identified
from memwrit.console.forms import ServiceForm
from memwrit.console.navigation import Nav
from memwrit.console.views import Page

NAV = Nav("Held queue", "held", "review.read", 20, "Memories")
MOST_AT_ONCE = 100
UNUSUAL = 0.5
"""A signal's p below which it is shown at once, though it did not fire."""
DECISIONS = {"approve": approve, "reject": reject}
INCIDENTS = 20
STATES = ("held", "approved", "rejected", "admitted")


class Deciding(ServiceForm):
    """A reason, which stays with the decision."""

    reason = Reason()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one of many decisions; `problem` None: it was decided."""

    admission_id: UUID
    problem: Problem | None


def _narrowed(asked: Mapping[str, str]) -> Wanted:
    """The filters of the query string; what is no id is no filter."""
    state = asked.get("state", Admission.State.HELD)
    return Wanted(
        state=state if state in Admission.State.values else Admission.State.HELD,
        space_id=identified(asked.get("space")),
        incident_id=identified(asked.get("incident")),
        after=identified(asked.get("after")),
    )


class Held(Page):
    """The queue, oldest first."""

    acts = {"GET": "review.read"}
    title = "Held queue"
    template = "console/held/list.html"
    audited = True
    notices = {
        "approved": "Approved: the memory is in service.",
        "rejected": "Rejected: the memory and its key are being destroyed.",
        "empty": "That was the last one that waits.",
    }

    def get(self, request: HttpRequest) -> Mapping[str, Any]:
        wanted = _narrowed(request.GET)
        return _listed(self.principal, wanted)


def _listed(principal: Principal, wanted: Wanted) -> dict[str, Any]:
    found = held.lines(principal, wanted)
    lines, more = found[: wanted.limit], len(found) > wanted.limit
    with tenant_transaction():
        told = {
            "queue": held.queue(principal),
            "spaces": names.spaces(principal),
            "incidents": _incidents(principal),
            "people": names.principals(line.admission.principal_id for line in lines),
        }
    after = lines[-1].admission.id if more else None
    shown = {"lines": [_line(each) for each in lines], "wanted": wanted, "after": after}
    return told | shown | {"form": Deciding(), "states": STATES}


def _line(line: Line) -> dict[str, Any]:
    reasons = explanations.explain(line.decision["reasons"])
    return {"admission": line.admission, "memory": line.memory, "reasons": reasons, "decision": line.decision}


def _incidents(principal: Principal) -> list[dict[str, Any]]:
    """The open incidents in which something waits, the newest first."""
    rows = list(selectors.incidents(principal, state=Incident.State.OPEN).order_by("-last_at")[:INCIDENTS])
    counts = selectors.incident_counts(principal, rows)
    told = [
        {"row": row, "waiting": counts.get(row.id, (0, 0))[0], "sources": counts.get(row.id, (0, 0))[1]} for row in rows
    ]
    return [each for each in told if each["waiting"] or each["row"].refused]


class DecideMany(Page):
    """One reason for the selected ones."""

    acts = {"POST": "decision.review"}
    title = "What was decided"
    template = "console/held/outcomes.html"

    def post(self, request: HttpRequest, decision: str) -> Mapping[str, Any] | HttpResponse:
        form, ids = Deciding(request.POST), [identified(each) for each in request.POST.getlist("id")][:MOST_AT_ONCE]
        if not form.is_valid() or not ids or None in ids:
            listed = _listed(self.principal, Wanted())
            problem = "" if ids else "Choose at least one."
            told = listed | {"form": form, "title": Held.title, "none_chosen": problem}
            return self.show(told, status=422, template=Held.template)
        reason = form.cleaned_data["reason"]
        outcomes = [_decide(self.principal, each, decision, reason) for each in ids if each]
        refused = [each for each in outcomes if each.problem]
        return {"decision": decision, "decided": len(outcomes) - len(refused), "refused": refused}


def _decide(principal: Principal, admission_id: UUID, decision: str, reason: str) -> Outcome:
    """One of many: that one cannot be decided holds up no other."""
    try:
        DECISIONS[decision](principal, admission_id=admission_id, reason=reason)
    except Problem as problem:
        return Outcome(admission_id, problem)
    return Outcome(admission_id, None)


class Case(Page):
    """One held memory with all that bears on it."""

    acts = {"GET": "review.read"}
    title = "Held memory"
    template = "console/held/case.html"
    audited = True
    notices = Held.notices

    def get(self, request: HttpRequest, id: UUID) -> Mapping[str, Any]:
        return _shown(self.principal, id)


def _shown(principal: Principal, admission_id: UUID) -> dict[str, Any]:
    case = held.case(principal, admission_id)
    admission, decision = case.line.admission, case.line.decision
    with tenant_transaction():
        people = names.principals([admission.principal_id, admission.decided_by])
        spaces = names.spaces(principal)
    return {
        "case": case,
        "admission": admission,
        "decision": decision,
        "memory": case.line.memory,
        "reasons": explanations.explain(decision["reasons"]),
        **_signals(decision),
        "people": people,
        "space": spaces.get(admission.space_id, ""),
        "open": admission.state == Admission.State.HELD and not admission.waits,
        "next": _beside(principal, admission.id, forward=True),
        "previous": _beside(principal, admission.id, forward=False),
        "form": Deciding(),
    }


def _signals(decision: Mapping[str, Any]) -> dict[str, Any]:
    """The signals that found something, the gravest first, and those that did not."""
    found = sorted(decision["signals"], key=lambda each: (not each["fired"], each["p"]))
    telling = [each for each in found if each["fired"] or each["p"] < UNUSUAL]
    return {"telling": telling, "quiet": [each for each in found if each not in telling]}


def _beside(principal: Principal, admission_id: UUID, *, forward: bool) -> UUID | None:
    """The one that waits after (or before) this one."""
    with tenant_transaction():
        waiting = selectors.admissions(principal, state=Admission.State.HELD).filter(waits=False)
        bound = {"id__gt": admission_id} if forward else {"id__lt": admission_id}
        ids: Sequence[UUID] = (
            waiting.filter(**bound).order_by("id" if forward else "-id").values_list("id", flat=True)[:1]
        )
        return next(iter(ids), None)


class Decision(Page):
    """Approve or reject one, with a reason; then on to the next that waits."""

    acts = {"POST": "decision.review"}
    title = Case.title
    template = Case.template

    def post(self, request: HttpRequest, id: UUID, decision: str) -> HttpResponse:
        form = Deciding(request.POST)
        if not form.is_valid():
            return self.show(_shown(self.principal, id) | {"form": form}, status=422)
        try:
            DECISIONS[decision](self.principal, admission_id=id, reason=form.cleaned_data["reason"])
        except AlreadyDecided:
            return self._too_late(id)
        following = _beside(self.principal, id, forward=True)
        return self.done(
            f"{decision}d" if decision == "approve" else "rejected", f"held/{following}" if following else "held"
        )

    def _too_late(self, id: UUID) -> HttpResponse:
        """Somebody was first: what stands is shown, and that this decision was not taken."""
        try:
            told = _shown(self.principal, id)
        except NotFound:
            raise AlreadyDecided("It was rejected, and is destroyed by now.") from None
        return self.show(told | {"too_late": True}, status=409)


class IncidentDecision(Page):
    """One decision for everything that waits in an incident."""

    acts = {"POST": "incident.review"}
    title = Held.title
    template = Held.template

    def post(self, request: HttpRequest, id: UUID, decision: str) -> HttpResponse:
        form = Deciding(request.POST)
        if not form.is_valid():
            told = _listed(self.principal, Wanted(incident_id=id)) | {"form": form}
            return self.show(told, status=422)
        state = Incident.State.APPROVED if decision == "approve" else Incident.State.REJECTED
        operation = review_incident(self.principal, incident_id=id, state=state, reason=form.cleaned_data["reason"])
        return self.done("started", f"operations/{operation.id}")


urlpatterns = [
    path("held", Held.as_view(), name="console-held"),
    path("held/all/approve", DecideMany.as_view(), {"decision": "approve"}, name="console-held-approve-many"),
    path("held/all/reject", DecideMany.as_view(), {"decision": "reject"}, name="console-held-reject-many"),
    path("held/<uuid:id>", Case.as_view(), name="console-held-case"),
    path("held/<uuid:id>/approve", Decision.as_view(), {"decision": "approve"}, name="console-held-approve"),
    path("held/<uuid:id>/reject", Decision.as_view(), {"decision": "reject"}, name="console-held-reject"),
    path(
        "held/incidents/<uuid:id>/approve",
        IncidentDecision.as_view(),
        {"decision": "approve"},
        name="console-incident-approve",
    ),
    path(
        "held/incidents/<uuid:id>/reject",
        IncidentDecision.as_view(),
        {"decision": "reject"},
        name="console-incident-reject",
    ),
]

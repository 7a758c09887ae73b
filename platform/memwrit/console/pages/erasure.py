"""Forgetting: requests with their clocks, what one would take, and its way to the certificate, which is checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path

from audit.evidence import Refused, verify_certificate
from audit.notes import Verifier
from audit.origin import CERTIFICATE_NAME, log_verifier
from audit.sources import CannotTell
from foundation.kernel.problems import NotSequenced
from foundation.kernel.scope import tenant_transaction
from foundation.keyring.signing import verify_key
from governance import erasures, names
from governance.erasures import OPEN, Order
from governance.models import ErasureRequest
from governance.services.approve_erasure import approve_erasure
from governance.services.execute_erasure import execute_erasure
from governance.services.plan_erasure import PlannedErasure, plan_erasure
from memwrit.console import charts, verdicts
from memwrit.console.fields import Ids, Reason, choose, identified
from memwrit.console.forms import ServiceForm
from memwrit.console.navigation import Nav
from memwrit.console.plan_pages import PlanPage
from memwrit.console.views import Page

NAV = Nav("Erasure", "erasure", "erasure.read", 40, "Duties")
S = ErasureRequest.State
BASES = {
    "gdpr-17": "GDPR, article 17",
    "ccpa-1798.105": "CCPA, §1798.105",
    "contract": "a contract",
    "policy": "our own policy",
    "other": "other",
}
PAGE = 25
SHOWN = 200


class Forgetting(ServiceForm):
    """What to forget: exactly one of a person, records, a space, a source; on what basis, and why."""

    subject = forms.CharField(label="A person", required=False, max_length=256, help_text="Your own name for them.")
    ids = Ids()
    space = forms.ChoiceField(label="A space", required=False)
    source = forms.CharField(label="A source", required=False, max_length=256)
    basis = forms.ChoiceField(choices=list(BASES.items()))
    reason = Reason()

    def __init__(self, *args: Any, spaces: Mapping[UUID, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose(self, "space", [("", "None"), *((str(id), name) for id, name in spaces.items())])

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        if not self.errors and sum(bool(told[name]) for name in ("subject", "ids", "space", "source")) != 1:
            raise forms.ValidationError("Name exactly one: a person, records, a space or a source.")
        return told

    def selection(self) -> dict[str, Any]:
        """The arguments of `plan_erasure`."""
        told = self.cleaned_data
        return {
            "subject": told["subject"] or None,
            "ids": told["ids"],
            "space_id": identified(told["space"]),
            "source": told["source"] or None,
            "basis": told["basis"],
            "reason": told["reason"],
        }


class Erasures(Page):
    """The requests, newest first."""

    acts = {"GET": "erasure.read"}
    title = "Erasure"
    template = "console/erasure/list.html"

    def get(self, request: HttpRequest) -> Mapping[str, Any]:
        state = request.GET.get("state") if request.GET.get("state") in S.values else None
        before = identified(request.GET.get("before"))
        found = erasures.orders(self.principal, state=state, before=before, limit=PAGE)
        shown = found[:PAGE]
        with tenant_transaction():
            people = names.principals(each.request.requested_by for each in shown)
            deadlines = erasures.deadlines(self.principal)
        orders = [{"order": each, "bar": _bar(each)} for each in shown]
        after = shown[-1].request.id if len(found) > PAGE else None
        told = {"orders": orders, "people": people, "deadlines": deadlines, "state": state, "after": after}
        return told | {"states": S.values, "bases": BASES}


def _bar(order: Order) -> Any:
    return charts.progress(f"Clock: {order.clock.law}", order.clock.share, order.clock.tone)


class NewErasure(PlanPage):
    """A request: first what it would take, then the request itself, whose secret is shown once."""

    acts = {"GET": "erasure.request", "POST": "erasure.request"}
    title = "Forget"
    template = "console/erasure/new.html"

    def make(self, *args: Any, **kwargs: Any) -> Forgetting:
        with tenant_transaction():
            return Forgetting(*args, spaces=names.spaces(self.principal), **kwargs)

    def planned(self, form: Forgetting, *, ordered: bool) -> Mapping[str, Any] | HttpResponse:
        plan = plan_erasure(self.principal, **form.selection(), dry_run=not ordered)
        if ordered:
            return self.show({"plan": plan} | _planned(plan), template="console/erasure/made.html", status=201)
        return {"form": form} | _planned(plan)


def _planned(plan: PlannedErasure) -> dict[str, Any]:
    relations = sorted(plan.cascade.relations.items(), key=lambda each: (each[1].value, each[0]))
    held = plan.cascade.held
    lines = [{"id": id, "relation": relation, "held": id in held} for id, relation in relations[:SHOWN]]
    return {
        "counts": plan.cascade.counts,
        "lines": lines,
        "more": max(0, len(relations) - SHOWN),
        "planned": plan.request,
    }


class OneErasure(Page):
    """One request: its clock, its plan, how far it is. While it runs the middle of the page asks again by itself."""

    acts = {"GET": "erasure.read"}
    title = "Request to forget"
    template = "console/erasure/request.html"
    notices = {"approved": "Approved.", "started": "It has begun; it goes on without you."}

    def get(self, request: HttpRequest, id: UUID) -> Mapping[str, Any] | HttpResponse:
        told = self._told(id)
        if request.headers.get("HX-Request"):
            return self.part("console/erasure/_standing.html", told)
        return told

    def _told(self, id: UUID) -> dict[str, Any]:
        order = erasures.order(self.principal, id)
        row = order.request
        with tenant_transaction():
            people = names.principals([row.requested_by, *row.approved_by])
            certificates = erasures.certificates_of(id)
        own = row.requested_by == self.principal.id or self.principal.id in row.approved_by
        return {
            "order": order,
            "row": row,
            "bar": _bar(order),
            "people": people,
            "certificates": certificates,
            "basis": BASES.get(row.basis, row.basis),
            "approvable": row.state == S.PLANNED and not own,
            "executable": row.state in (S.PLANNED, S.APPROVED) and order.clock is not None,
            "running": row.state == S.RUNNING,
            "open": row.state in OPEN,
        }


class Approving(Page):
    """One more person's word."""

    acts = {"POST": "erasure.approve"}

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        approve_erasure(self.principal, request_id=id)
        return self.done("approved", f"erasure/{id}")


class Executing(Page):
    """Run it: exactly what was planned, or nothing."""

    acts = {"POST": "erasure.execute"}
    fresh = frozenset({"POST"})

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        execute_erasure(self.principal, request_id=id, expected_manifest=request.POST.get("manifest", ""))
        return self.done("started", f"erasure/{id}")


class OneCertificate(Page):
    """A certificate: what it says store by store, and whether it holds."""

    acts = {"GET": "certificate.read"}
    title = "Certificate of erasure"
    template = "console/erasure/certificate.html"
    audited = True

    def get(self, request: HttpRequest, id: UUID) -> Mapping[str, Any]:
        row, body = erasures.certificate(self.principal, id)
        return {"row": row, "body": body, "verdicts": verdicts.of(body), "checked": _checked(self, id)}


def _checked(page: Page, id: UUID) -> dict[str, Any]:
    """What the offline verifier says of the file this server would hand out."""
    try:
        facts = verify_certificate(erasures.certificate_file(page.principal, id), _keys())
    except NotSequenced:
        return {"word": "waiting"}
    except (Refused, CannotTell) as error:
        return {"word": "refused", "why": str(error)}
    return {"word": "verified"} | facts


def _keys() -> list[Verifier]:
    """The keys this installation publishes."""
    return [log_verifier(), Verifier(CERTIFICATE_NAME, verify_key("certificate"))]


class CertificateFile(Page):
    """The file itself, as `memwrit verify certificate` reads it."""

    acts = {"GET": "certificate.read"}
    title = OneCertificate.title
    audited = True

    def get(self, request: HttpRequest, id: UUID) -> HttpResponse:
        data = json.dumps(erasures.certificate_file(self.principal, id), indent=1)
        told = {"Content-Disposition": f'attachment; filename="erasure-{id}.json"'}
        return HttpResponse(data, content_type="application/json", headers=told)


urlpatterns = [
    path("erasure", Erasures.as_view(), name="console-erasure"),
    path("erasure/new", NewErasure.as_view(), name="console-erasure-new"),
    path("erasure/<uuid:id>", OneErasure.as_view(), name="console-erasure-request"),
    path("erasure/<uuid:id>/approve", Approving.as_view(), name="console-erasure-approve"),
    path("erasure/<uuid:id>/execute", Executing.as_view(), name="console-erasure-execute"),
    path("certificates/<uuid:id>", OneCertificate.as_view(), name="console-certificate"),
    path("certificates/<uuid:id>/file", CertificateFile.as_view(), name="console-certificate-file"),
]

"""`/v1/admissions`: the held queue and its decisions."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from foundation.kernel.clock import rfc3339
from foundation.kernel.problems import NotFound
from foundation.kernel.scope import tenant_transaction
from foundation.rest.idempotency import Done
from foundation.rest.pages import pager
from foundation.rest.views import Endpoint
from governance import selectors
from governance.api import rendering, shapes
from governance.models import Admission
from governance.services.review import Review, approve, reject
from guard.optional_judge.opinions import on_held


class Admissions(Endpoint):
    """Decisions on memories; `state=held` is the queue."""

    acts = {"GET": "review.read"}
    queries = {"GET": shapes.AdmissionListQuery}
    answers = {"GET": {200: {"type": "object"}}}
    operations = {"GET": "list_admissions"}

    def get(self, request: Request) -> Response:
        """List decisions, oldest first."""
        pages = pager("admissions", self.query)
        with tenant_transaction():
            query = selectors.admissions(self.principal, state=self.query.get("state"))
            if incident := self.query.get("incident"):
                query = query.filter(incident_id=incident)
            page = pages.page(query, lambda row: row, order="id")
        reviews = selectors.reviews(self.principal, page.data)
        return Response(page.body() | {"data": _shown(reviews)})


class OneAdmission(Endpoint):
    """One decision."""

    acts = {"GET": "review.read"}
    answers = {"GET": {200: {"type": "object"}}}
    operations = {"GET": "get_admission"}

    def get(self, request: Request, id: UUID) -> Response:
        """Read a decision with its reasons and evidence."""
        with tenant_transaction():
            rows = list(selectors.admissions(self.principal, state=None).filter(id=id))
        found = selectors.reviews(self.principal, rows)
        if not found:
            raise NotFound
        return Response(_shown(found)[0])


def _shown(found: list[tuple[Admission, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Decisions as reviewers see them; what the optional judge said of all of them is one query."""
    words = on_held([row.version_id for row, _ in found])
    return [rendering.review(row, decision, words.get(row.version_id)) for row, decision in found]


def told(review: Review) -> Response:
    return Response(decided(review.admission) | {"receipt": review.receipt})


def decided(row: Admission) -> dict[str, Any]:
    return {
        "id": row.id,
        "memory_id": row.memcube_id,
        "version": row.version,
        "state": row.state,
        "decided_by": row.decided_by,
        "decided_at": rfc3339(row.decided_at),
    }


class _Decision(Endpoint):
    """What both decisions share: how one made before is told again."""

    def replay(self, request: Request, done: Done, id: UUID) -> Response:
        with tenant_transaction():
            row = selectors.admissions(self.principal, state=None).filter(id=id).first()
        if row is None:
            raise NotFound
        return Response(decided(row) | {"receipt": None})


class Approval(_Decision):
    """Serve a held memory."""

    acts = {"POST": "decision.review"}
    requests = {"POST": shapes.ReasonBody}
    answers = {"POST": {200: {"type": "object"}}}
    operations = {"POST": "approve_admission"}

    def post(self, request: Request, id: UUID) -> Response:
        """Approve: the held version is served from now on."""
        return told(approve(self.principal, admission_id=id, **self.fields()))


class Rejection(_Decision):
    """Refuse a held memory."""

    acts = {"POST": "decision.review"}
    requests = {"POST": shapes.ReasonBody}
    answers = {"POST": {200: {"type": "object"}}}
    operations = {"POST": "reject_admission"}

    def post(self, request: Request, id: UUID) -> Response:
        """Reject: the held version is destroyed."""
        return told(reject(self.principal, admission_id=id, **self.fields()))

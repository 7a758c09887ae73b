"""`/v1/incidents`: held memories that belong to one attack, reviewed as one."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from foundation.kernel.clock import rfc3339
from foundation.kernel.problems import NotFound
from foundation.kernel.scope import tenant_transaction
from foundation.rest.fields import Choice, Integer, Moment, Uuid
from foundation.rest.idempotency import Done
from foundation.rest.pages import ListQuery, page_of, pager
from foundation.rest.serializers import Shape
from foundation.rest.views import Endpoint
from governance import selectors
from governance.api import shapes
from governance.api.erasure import find_operation, started
from governance.models import Incident
from governance.services.review_incident import review_incident


class IncidentListQuery(ListQuery):
    state = Choice(Incident.State, required=False)


class IncidentShape(Shape):
    id = Uuid()
    state = Choice(Incident.State)
    waiting = Integer()
    sources = Integer()
    refused = Integer()
    opened_at = Moment()
    last_at = Moment()
    decided_by = Uuid(allow_null=True)
    decided_at = Moment(allow_null=True)


def _body(row: Incident, counts: dict[UUID, tuple[int, int]]) -> dict[str, Any]:
    waiting, sources = counts.get(row.id, (0, 0))
    return {
        "id": row.id,
        "state": row.state,
        "waiting": waiting,
        "sources": sources,
        "refused": row.refused,
        "opened_at": rfc3339(row.opened_at),
        "last_at": rfc3339(row.last_at),
        "decided_by": row.decided_by,
        "decided_at": rfc3339(row.decided_at),
    }


class Incidents(Endpoint):
    """Incidents: what is wrong with several held memories at once."""

    acts = {"GET": "review.read"}
    queries = {"GET": IncidentListQuery}
    answers = {"GET": {200: page_of(IncidentShape)}}
    operations = {"GET": "list_incidents"}

    def get(self, request: Request) -> Response:
        """List incidents, oldest first."""
        pages = pager("incidents", self.query)
        with tenant_transaction():
            rows = selectors.incidents(self.principal, state=self.query.get("state"))
            page = pages.page(rows, lambda row: row, order="id")
            counts = selectors.incident_counts(self.principal, page.data)
        return Response(page.body() | {"data": [_body(row, counts) for row in page.data]})


class OneIncident(Endpoint):
    """One incident; its records are `/v1/admissions?incident=`."""

    acts = {"GET": "review.read"}
    answers = {"GET": {200: IncidentShape}}
    operations = {"GET": "get_incident"}

    def get(self, request: Request, id: UUID) -> Response:
        """Read an incident."""
        with tenant_transaction():
            row = selectors.incidents(self.principal, state=None).filter(id=id).first()
            if row is None:
                raise NotFound
            return Response(_body(row, selectors.incident_counts(self.principal, [row])))


class _Decision(Endpoint):
    """What both decisions share: long work, told as an operation."""

    def replay(self, request: Request, done: Done, id: UUID) -> Response:
        return started(find_operation(done.resource_id))


class IncidentApproval(_Decision):
    """Serve everything that waits in an incident."""

    acts = {"POST": "incident.review"}
    requests = {"POST": shapes.ReasonBody}
    answers = {"POST": {202: {"type": "object"}}}
    operations = {"POST": "approve_incident"}

    def post(self, request: Request, id: UUID) -> Response:
        """Approve: every record that waits in it is served."""
        state = Incident.State.APPROVED
        return started(review_incident(self.principal, incident_id=id, state=state, **self.fields()))


class IncidentRejection(_Decision):
    """Refuse everything that waits in an incident."""

    acts = {"POST": "incident.review"}
    requests = {"POST": shapes.ReasonBody}
    answers = {"POST": {202: {"type": "object"}}}
    operations = {"POST": "reject_incident"}

    def post(self, request: Request, id: UUID) -> Response:
        """Reject: every record that waits in it is destroyed."""
        state = Incident.State.REJECTED
        return started(review_incident(self.principal, incident_id=id, state=state, **self.fields()))

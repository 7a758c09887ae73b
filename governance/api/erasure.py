"""`/v1/erasure_requests`, `/v1/erasure_certificates`, `/v1/operations`."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.problems import NotFound, SecretShown
from foundation.kernel.scope import tenant_transaction
from foundation.rest.idempotency import Done
from foundation.rest.pages import pager
from foundation.rest.views import Endpoint
from governance.api import rendering, shapes
from governance.certificates import file_of
from governance.models import Certificate, ErasureRequest, Operation
from governance.services.approve_erasure import approve_erasure
from governance.services.execute_erasure import execute_erasure
from governance.services.plan_erasure import plan_erasure


class ErasureRequests(Endpoint):
    """Orders to forget."""

    acts = {"GET": "erasure.read", "POST": "erasure.request"}
    requests = {"POST": shapes.ErasureBody}
    queries = {"GET": shapes.StateListQuery}
    answers = {"GET": {200: {"type": "object"}}, "POST": {200: {"type": "object"}, 201: {"type": "object"}}}
    operations = {"GET": "list_erasure_requests", "POST": "plan_erasure"}

    def get(self, request: Request) -> Response:
        """List requests, newest first."""
        return _page("erasure_requests", ErasureRequest, rendering.erasure, self.query)

    def post(self, request: Request) -> Response:
        """Plan an erasure. A dry run answers 200 and keeps nothing."""
        fields = self.fields()
        select = fields.pop("select", None) or {}
        plan = plan_erasure(
            self.principal,
            ids=select.get("ids", ()),
            space_id=select.get("space"),
            source=select.get("source"),
            **fields,
        )
        return Response(rendering.planned(plan), status=201 if plan.receipt else 200)

    def replay(self, request: Request, done: Done) -> Response:
        raise SecretShown(extra={"id": str(done.resource_id)})


def _page(name: str, model: Any, rendered: Callable[[Any], dict[str, Any]], query: Mapping[str, Any]) -> Response:
    """A page of the rows in the state that is asked for, if any, newest first."""
    pages = pager(name, query)
    with tenant_transaction():
        rows = model.objects.filter(state=query["state"]) if "state" in query else model.objects.all()
        return Response(pages.page(rows, rendered).body())


def erasure_request(request_id: UUID) -> Response:
    with tenant_transaction():
        row = ErasureRequest.objects.filter(id=request_id).first()
    if row is None:
        raise NotFound
    return Response(rendering.erasure(row))


class OneErasureRequest(Endpoint):
    """One order to forget."""

    acts = {"GET": "erasure.read"}
    answers = {"GET": {200: {"type": "object"}}}
    operations = {"GET": "get_erasure_request"}

    def get(self, request: Request, id: UUID) -> Response:
        """How far a request is."""
        return erasure_request(id)


class ErasureApproval(Endpoint):
    """One more word that it may run."""

    acts = {"POST": "erasure.approve"}
    answers = {"POST": {200: {"type": "object"}}}
    operations = {"POST": "approve_erasure"}

    def post(self, request: Request, id: UUID) -> Response:
        """Approve somebody else's request."""
        return Response(rendering.erasure(approve_erasure(self.principal, request_id=id)))

    def replay(self, request: Request, done: Done, id: UUID) -> Response:
        return erasure_request(id)


class ErasureExecution(Endpoint):
    """Run a planned erasure."""

    acts = {"POST": "erasure.execute"}
    requests = {"POST": shapes.ExecuteBody}
    answers = {"POST": {202: {"type": "object"}}}
    operations = {"POST": "execute_erasure"}

    def post(self, request: Request, id: UUID) -> Response:
        """Start it, if it would still do exactly what was planned."""
        return started(execute_erasure(self.principal, request_id=id, **self.fields()))

    def replay(self, request: Request, done: Done, id: UUID) -> Response:
        return started(find_operation(done.resource_id))


def started(operation: Operation) -> Response:
    location = {"Location": f"/v1/operations/{operation.id}"}
    return Response(rendering.operation(operation), status=202, headers=location)


def find_operation(operation_id: UUID) -> Operation:
    with tenant_transaction():
        row: Operation | None = Operation.objects.filter(id=operation_id).first()
    if row is None:
        raise NotFound
    return row


class Operations(Endpoint):
    """Long work."""

    acts = {"GET": "operation.read"}
    queries = {"GET": shapes.StateListQuery}
    answers = {"GET": {200: {"type": "object"}}}
    operations = {"GET": "list_operations"}

    def get(self, request: Request) -> Response:
        """List it, newest first."""
        return _page("operations", Operation, rendering.operation, self.query)


class OneOperation(Endpoint):
    """Long work."""

    acts = {"GET": "operation.read"}
    answers = {"GET": {200: {"type": "object"}}}
    operations = {"GET": "get_operation"}

    def get(self, request: Request, id: UUID) -> Response:
        """How far it is."""
        return Response(rendering.operation(find_operation(id)))


class OneCertificate(Endpoint):
    """A certificate of erasure, exactly as `memwrit verify certificate` reads it."""

    audited = True
    acts = {"GET": "certificate.read"}
    answers = {"GET": {200: {"type": "object"}}}
    operations = {"GET": "get_erasure_certificate"}

    def get(self, request: Request, id: UUID) -> Response:
        """The signed certificate with the log's proof that it was issued."""
        with tenant_transaction():
            row = Certificate.objects.filter(id=id).first()
            if row is None:
                raise NotFound
            record(self.principal, Act.CERTIFICATE_READ, target=Target("certificate", id))
            return Response(file_of(row))

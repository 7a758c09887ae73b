"""`/v1/memories/{id}:feedback`: what became of acting on a memory."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from foundation.kernel.problems import NotFound
from foundation.kernel.scope import tenant_transaction
from foundation.rest.fields import Choice, Integer, Uuid
from foundation.rest.idempotency import Done
from foundation.rest.serializers import Shape, StrictSerializer
from foundation.rest.views import Endpoint
from governance.models import MemCube
from governance.services.give_feedback import OUTCOMES, give_feedback
from tenants.api.shapes import ReceiptShape


class FeedbackBody(StrictSerializer):
    outcome = Choice(tuple(OUTCOMES))


class FeedbackShape(Shape):
    id = Uuid()
    version = Integer()
    outcome = Choice(tuple(OUTCOMES))
    receipt = ReceiptShape(allow_null=True)


class MemoryFeedback(Endpoint):
    """The outcome of acting on a memory."""

    acts = {"POST": "memory.feedback"}
    requests = {"POST": FeedbackBody}
    answers = {"POST": {200: FeedbackShape}}
    operations = {"POST": "give_memory_feedback"}

    def post(self, request: Request, id: UUID) -> Response:
        """Tell whether acting on it succeeded: its source's trust learns from it."""
        outcome = self.fields()["outcome"]
        cube, receipt = give_feedback(self.principal, memory_id=id, outcome=outcome)
        return Response({"id": cube.id, "version": cube.version, "outcome": outcome, "receipt": receipt})

    def replay(self, request: Request, done: Done, id: UUID) -> Response:
        with tenant_transaction():
            cube = MemCube.objects.filter(id=done.resource_id).first()
        if cube is None:
            raise NotFound
        outcome = self.fields()["outcome"]
        return Response({"id": cube.id, "version": cube.version, "outcome": outcome, "receipt": None})

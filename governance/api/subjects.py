"""`/v1/subjects`: what is kept of one person, and the export of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from foundation.kernel.clock import rfc3339
from foundation.rest.fields import Choice, Integer, Listing, Moment, Text, Uuid
from foundation.rest.serializers import Shape, StrictSerializer
from foundation.rest.views import Endpoint
from governance.models import ErasureRequest, LegalHold, State
from governance.services.export_subject import export_subject
from governance.subjects import Person, find, subject

NDJSON = "application/x-ndjson"


class FindBody(StrictSerializer):
    subject = Text(max_length=256, min_length=1)


class StateShape(Shape):
    state = Choice(State)
    records = Integer()


class SpaceShape(Shape):
    space = Uuid()
    records = Integer()


class HoldShape(Shape):
    id = Uuid()
    state = Choice(LegalHold.State)
    placed_at = Moment()


class RequestShape(Shape):
    id = Uuid()
    state = Choice(ErasureRequest.State)
    due_at = Moment()


class SubjectShape(Shape):
    id = Uuid()
    external_id = Text(allow_null=True)
    created_at = Moment()
    erased_at = Moment(allow_null=True)
    records = Integer()
    versions = Integer()
    states = Listing(child=StateShape())
    spaces = Listing(child=SpaceShape())
    legal_holds = Listing(child=HoldShape())
    erasure_requests = Listing(child=RequestShape())


def _told(found: Person) -> Response:
    body: dict[str, Any] = {
        "id": found.id,
        "external_id": found.name,
        "created_at": rfc3339(found.created_at),
        "erased_at": rfc3339(found.erased_at),
        "records": found.records,
        "versions": found.versions,
        "states": [{"state": state, "records": count} for state, count in sorted(found.states.items())],
        "spaces": [{"space": space, "records": count} for space, count in sorted(found.spaces.items())],
        "legal_holds": [
            {"id": each.id, "state": each.state, "placed_at": rfc3339(each.placed_at)} for each in found.holds
        ],
        "erasure_requests": [
            {"id": each.id, "state": each.state, "due_at": rfc3339(each.due_at)} for each in found.requests
        ],
    }
    return Response(body, headers={"Cache-Control": "no-store"})


class SubjectSearch(Endpoint):
    """The way from the caller's own name for a person to our id: a name stands in no address."""

    acts = {"POST": "subject.read"}
    requests = {"POST": FindBody}
    answers = {"POST": {200: SubjectShape}}
    operations = {"POST": "find_subject"}
    reads = True

    def post(self, request: Request) -> Response:
        """Find a subject by name."""
        return _told(subject(self.principal, find(self.principal, self.fields()["subject"])))


class OneSubject(Endpoint):
    """One person that memories are about."""

    acts = {"GET": "subject.read"}
    answers = {"GET": {200: SubjectShape}}
    operations = {"GET": "get_subject"}

    def get(self, request: Request, id: UUID) -> Response:
        """What is kept of them, in counts, and the holds and erasure requests that name them."""
        return _told(subject(self.principal, id))


class SubjectExport(Endpoint):
    """All that is kept of one person, signed."""

    acts = {"POST": "subject.export"}
    answers = {"POST": {200: {"type": "string"}}}
    operations = {"POST": "export_subject"}
    reads = True

    def post(self, request: Request, id: UUID) -> HttpResponseBase:
        """Every version, where it came from and who was given it, as lines of JSON that end with a signature."""
        return sent(export_subject(self.principal, subject_id=id), id)


def sent(lines: Any, subject_id: UUID) -> StreamingHttpResponse:
    """The export as a file that is made while it is sent, and kept by nobody on the way."""
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="subject-{subject_id}.jsonl"',
        "X-Accel-Buffering": "no",
    }
    return StreamingHttpResponse(lines, content_type=NDJSON, headers=headers)

"""`/v1/legal_holds`."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from foundation.kernel.problems import NotFound
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.rest.etags import etag
from foundation.rest.idempotency import Done
from foundation.rest.pages import pager
from foundation.rest.views import Endpoint
from governance.api import rendering, shapes
from governance.models import LegalHold
from governance.sealed import open_text
from governance.services.place_hold import Held, covered, name_place, place_hold
from governance.services.release_hold import release_hold


def told(held: Held, status: int = 200) -> Response:
    headers = {"ETag": etag(held.hold.version), "Location": f"/v1/legal_holds/{held.hold.id}"}
    return Response(rendering.hold(held), status=status, headers=headers)


def opened(row: LegalHold, secret: bytes) -> dict[str, Any]:
    return rendering.hold(Held(row, open_text(secret, name_place(row), row.sealed_name) or "", covered(row)))


def hold(hold_id: UUID) -> Response:
    secret = keys.named("record")
    with tenant_transaction():
        row = LegalHold.objects.filter(id=hold_id).first()
        if row is None:
            raise NotFound
        return Response(opened(row, secret), headers={"ETag": etag(row.version)})


class LegalHolds(Endpoint):
    """What must not be destroyed."""

    acts = {"GET": "hold.read", "POST": "hold.place"}
    requests = {"POST": shapes.HoldBody}
    queries = {"GET": shapes.StateListQuery}
    answers = {"GET": {200: {"type": "object"}}, "POST": {201: {"type": "object"}}}
    operations = {"GET": "list_legal_holds", "POST": "place_legal_hold"}

    def get(self, request: Request) -> Response:
        """List holds, newest first, released ones too."""
        pages, secret = pager("legal_holds", self.query), keys.named("record")
        with tenant_transaction():
            rows = LegalHold.objects.all()
            if "state" in self.query:
                rows = rows.filter(state=self.query["state"])
            return Response(pages.page(rows, lambda row: opened(row, secret)).body())

    def post(self, request: Request) -> Response:
        """Place a hold on a subject, a space or records."""
        fields = self.fields()
        select = fields.pop("select")
        chosen = {"subject": select.get("subject"), "space_id": select.get("space"), "ids": select.get("ids", ())}
        return told(place_hold(self.principal, **fields, **chosen), 201)

    def replay(self, request: Request, done: Done) -> Response:
        return hold(done.resource_id)


class OneLegalHold(Endpoint):
    """One hold."""

    acts = {"GET": "hold.read"}
    answers = {"GET": {200: {"type": "object"}}}
    operations = {"GET": "get_legal_hold"}

    def get(self, request: Request, id: UUID) -> Response:
        """Read a hold."""
        return hold(id)


class HoldRelease(Endpoint):
    """Let a hold go."""

    acts = {"POST": "hold.release"}
    requests = {"POST": shapes.ReasonBody}
    answers = {"POST": {200: {"type": "object"}}}
    operations = {"POST": "release_legal_hold"}

    def post(self, request: Request, id: UUID) -> Response:
        """Release it: erasures that waited for it go on."""
        return told(release_hold(self.principal, hold_id=id, **self.fields()))

    def replay(self, request: Request, done: Done, id: UUID) -> Response:
        return hold(id)

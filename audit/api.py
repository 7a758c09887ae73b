"""`/v1/audit`: events, checkpoint, proofs, tiles; and the public keys. Reading the log is audited too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from audit import selectors, tiles
from audit.acts import Act
from audit.evidence import endorsed_text
from audit.notes import b64
from audit.origin import certificate_signer, log_signer, log_verifier, receipt_signer
from audit.selectors import Filter, Listed
from audit.services.record import Target, record
from foundation.kernel.clock import rfc3339
from foundation.kernel.problems import FieldError, NotFound, Validation
from foundation.kernel.scope import tenant_transaction
from foundation.rest.fields import Choice, Integer, Listing, Moment, Text, Uuid
from foundation.rest.pages import ListQuery, page_of, pager
from foundation.rest.serializers import Shape, StrictSerializer
from foundation.rest.views import PUBLIC, Endpoint

POLICY = "roles@1"


class PlainText(BaseRenderer):
    """Notes and proofs as C2SP writes them."""

    # The format's name is JSON's, so that the framework offers no `?format=` beside Accept.
    media_type, format, charset = "text/plain", "json", "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return str(data).encode()


class Octets(BaseRenderer):
    """Tiles."""

    media_type, format, charset, render_style = "application/octet-stream", "bin", None, "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return bytes(data)


class EventsQuery(ListQuery):
    act = Choice(Act, required=False)
    actor = Uuid(required=False)
    target = Uuid(required=False)
    since = Moment(required=False)
    until = Moment(required=False)


class ActorShape(Shape):
    kind = Text()
    id = Uuid()


class TargetShape(Shape):
    kind = Text()
    id = Uuid()
    version = Integer(allow_null=True)


class EventShape(Shape):
    id = Uuid()
    index = Integer(allow_null=True)
    ts = Moment()
    act = Choice(Act)
    actor = ActorShape()
    target = TargetShape(allow_null=True)
    outcome = Text()
    policy = Text()


class ProofShape(Shape):
    event_id = Uuid()
    entry = Text()
    leaf_hash = Text()
    index = Integer()
    tree_size = Integer()
    hashes = Listing(child=Text())
    checkpoint = Text()


# `from` cannot be written as a class attribute.
_SIZES: dict[str, Any] = {
    "from": Integer(min_value=1, help_text="The size of an older checkpoint."),
    "to": Integer(min_value=1, required=False, help_text="Of a newer one; the newest where it is not given."),
}
ConsistencyQuery = type("ConsistencyQuery", (StrictSerializer,), dict(_SIZES))
ConsistencyShape = type(
    "ConsistencyShape",
    (Shape,),
    {"from": Integer(), "to": Integer(), "hashes": Listing(child=Text()), "checkpoint": Text()},
)


class VkeyShape(Shape):
    use = Choice(("audit", "receipt", "certificate"))
    vkey = Text()
    endorsement = Text(allow_null=True)


class KeysShape(Shape):
    keys = Listing(child=VkeyShape())


class LogEndpoint(Endpoint):
    """A door to the log, where a client that accepts something else is answered in the log's own format."""

    audited = True

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)

    def _read(self, target: Target | None = None) -> None:
        record(self.principal, Act.AUDIT_READ, target=target, policy=POLICY)


class Events(LogEndpoint):
    """The tenant's events."""

    acts = {"GET": Act.AUDIT_READ}
    queries = {"GET": EventsQuery}
    answers = {"GET": {200: page_of(EventShape)}}
    operations = {"GET": "list_audit_events"}

    def get(self, request: Request) -> Response:
        """List events, newest first; `index` is null until an event is sequenced."""
        pages = pager("audit.events", self.query)
        wanted = _filter(self.query)
        before = pages.after if isinstance(pages.after, UUID) else None
        with tenant_transaction():
            found = selectors.events(wanted, before=before, limit=pages.limit + 1)
            self._read()
        return Response(pages.cut(found, _shown, lambda listed: listed.event.id).body())


class CheckpointView(LogEndpoint):
    """The newest published checkpoint."""

    acts = {"GET": Act.AUDIT_READ}
    renderer_classes = [PlainText]
    answers = {"GET": {200: {"type": "string"}}}
    operations = {"GET": "get_audit_checkpoint"}

    def get(self, request: Request) -> Response:
        """The signed note (c2sp.org/tlog-checkpoint)."""
        with tenant_transaction():
            self._read()
            note = selectors.published(fresh=True).note
        return Response(note, headers={"Cache-Control": "no-store"})


class Proofs(LogEndpoint):
    """The proof that an event is in the log."""

    acts = {"GET": Act.AUDIT_READ}
    renderer_classes = [JSONRenderer, PlainText]
    answers = {"GET": {200: ProofShape, (200, "text/plain"): {"type": "string"}}}  # type: ignore[dict-item]
    operations = {"GET": "get_audit_proof"}

    def get(self, request: Request, event_id: UUID) -> Response:
        """As JSON, or as a tlog-proof for `Accept: text/plain`."""
        with tenant_transaction():
            found = selectors.inclusion(event_id)
            self._read(Target("event", event_id))
        if request.accepted_renderer.media_type == PlainText.media_type:
            return Response(found.proof.text())
        return Response(found.body())


class Consistency(LogEndpoint):
    """The proof that the log only grew."""

    acts = {"GET": Act.AUDIT_READ}
    queries = {"GET": ConsistencyQuery}
    answers = {"GET": {200: ConsistencyShape}}
    operations = {"GET": "get_audit_consistency"}

    def get(self, request: Request) -> Response:
        """Between the sizes `from` and `to`."""
        with tenant_transaction():
            size, hashes, note = selectors.consistency(self.query["from"], self.query.get("to"))
            self._read()
        body = {"from": self.query["from"], "to": size, "hashes": [b64(item) for item in hashes], "checkpoint": note}
        return Response(body)


class Tiles(LogEndpoint):
    """The log in tlog-tiles layout: `tile/<level>/<number>`, `tile/entries/<number>` and `checkpoint`."""

    acts = {"GET": Act.AUDIT_READ}
    renderer_classes = [Octets]
    answers = {"GET": {200: {"type": "string", "format": "binary"}}}
    operations = {"GET": "get_audit_tile"}

    def get(self, request: Request, path: str) -> Response:
        """A tile of hashes or a bundle of entries."""
        try:
            wanted = tiles.Tile.parse(path.removeprefix("tile/")) if path != "checkpoint" else None
        except tiles.TileError:
            raise NotFound from None
        with tenant_transaction():
            data = selectors.tile(wanted) if wanted else selectors.published(fresh=True).note.encode()
            self._read()
        return Response(data)


class Keys(Endpoint):
    """The public keys that sign checkpoints, receipts and certificates. Trust them only once had out of band."""

    acts = {"GET": PUBLIC}
    answers = {"GET": {200: KeysShape}}
    operations = {"GET": "get_keys"}

    def get(self, request: Request) -> Response:
        """Each as a C2SP vkey; the log's key endorses the others."""
        others = {"receipt": receipt_signer(), "certificate": certificate_signer()}
        keys = [{"use": "audit", "vkey": log_verifier().vkey, "endorsement": None}]
        for use, signer in others.items():
            vkey = signer.verifier.vkey
            keys.append({"use": use, "vkey": vkey, "endorsement": b64(log_signer().key.sign(endorsed_text(vkey)))})
        return Response({"keys": keys})


def _filter(query: dict[str, Any]) -> Filter:
    if query.get("since") and query.get("until") and query["since"] > query["until"]:
        raise Validation(errors=[FieldError("/until", "out-of-range", "Before `since`.")])
    act = query.get("act")
    return Filter(
        Act(act) if act else None, query.get("actor"), query.get("target"), query.get("since"), query.get("until")
    )


def _shown(listed: Listed) -> dict[str, Any]:
    event = listed.event
    return {
        "id": str(event.id),
        "index": listed.index,
        "ts": rfc3339(datetime.fromtimestamp(event.ts / 1000, UTC)),
        "act": event.act.value,
        "actor": {"kind": event.actor.kind, "id": str(event.actor.id)},
        "target": event.target
        and {"kind": event.target.kind, "id": str(event.target.id), "version": event.target.version},
        "outcome": event.outcome,
        "policy": event.policy,
    }

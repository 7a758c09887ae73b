"""`/v1/rollbacks` and `/v1/spaces/{id}:rollback`: undo what came of a bad source, actor or time."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from foundation.kernel.clock import rfc3339
from foundation.kernel.scope import tenant_transaction
from foundation.rest.fields import Boolean, Choice, Integer, Listing, Moment, Text, Uuid
from foundation.rest.idempotency import Done
from foundation.rest.pages import ListQuery, Pager, page_of, pager
from foundation.rest.serializers import Shape, StrictSerializer
from foundation.rest.views import Endpoint
from governance.api.erasure import find_operation, started
from governance.api.shapes import ExecuteBody, ObjectField
from governance.rollbacks import reading
from governance.rollbacks.models import Rollback, RollbackItem
from governance.rollbacks.planning import Undoing
from governance.rollbacks.retrievals import Handed
from governance.services.approve_rollback import approve_rollback
from governance.services.execute_rollback import execute_rollback
from governance.services.plan_rollback import PlannedRollback, Wanted, plan_rollback
from tenants.api.shapes import ReceiptShape

Body = dict[str, Any]
SHOWN = 50
"""Records that stand in the body of a rollback; the rest is `/items`."""
NAMED = {"source": "source", "actor": "actor", "session": "session", "principal": "writer_id", "space": "space_id"}


class RollbackSelectBody(StrictSerializer):
    """Which versions are bad: those that meet every part that is given."""

    source = Text(max_length=256, min_length=1, required=False, allow_null=True)
    actor = Text(max_length=256, min_length=1, required=False, allow_null=True)
    session = Text(max_length=256, min_length=1, required=False, allow_null=True)
    principal = Uuid(required=False, allow_null=True)
    space = Uuid(required=False, allow_null=True)
    since = Moment(required=False, allow_null=True)
    ids = Listing(child=Uuid(), unique=True, max_length=1000, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not any(attrs.values()):
            raise serializers.ValidationError("At least one part.", code="required")
        return attrs


class RollbackBody(StrictSerializer):
    select = RollbackSelectBody()
    reason = Text(max_length=1024, min_length=1)
    dry_run = Boolean(required=False)


class SpaceRollbackBody(StrictSerializer):
    since = Moment()
    reason = Text(max_length=1024, min_length=1)
    dry_run = Boolean(required=False)


class RollbackListQuery(ListQuery):
    state = Choice(Rollback.State, required=False)


class RollbackItemShape(Shape):
    id = Uuid()
    from_version = Integer()
    to_version = Integer(allow_null=True)
    action = Choice(RollbackItem.Action)
    step = Choice(RollbackItem.Step)
    event_id = Uuid(allow_null=True)


RollbackItemPage = page_of(RollbackItemShape)


class RollbackLineShape(Shape):
    """A rollback as it stands in a list: its records are its own to ask for."""

    id = Uuid(allow_null=True)
    state = Choice(Rollback.State)
    select = ObjectField()
    manifest = Text()
    created_at = Moment()
    expires_at = Moment()
    finished_at = Moment(allow_null=True)
    approvals = ObjectField()
    counts = ObjectField()
    operation_id = Uuid(allow_null=True)
    report = ObjectField(allow_null=True)
    events = Listing(child=Uuid())


class RollbackShape(RollbackLineShape):
    items = RollbackItemPage()
    receipt = ReceiptShape(allow_null=True)


class HandedShape(Shape):
    id = Uuid()
    principal_id = Uuid()
    at = Moment()
    hits = Listing(child=ObjectField())


class Rollbacks(Endpoint):
    """Orders to undo what came of bad versions."""

    acts = {"GET": "rollback.read", "POST": "rollback.plan"}
    requests = {"POST": RollbackBody}
    queries = {"GET": RollbackListQuery}
    answers = {"GET": {200: page_of(RollbackLineShape)}, "POST": {200: RollbackShape, 201: RollbackShape}}
    operations = {"GET": "list_rollbacks", "POST": "plan_rollback"}

    def get(self, request: Request) -> Response:
        """List rollbacks, newest first."""
        pages = pager("rollbacks", self.query)
        with tenant_transaction():
            rows = reading.rollbacks(self.principal, state=self.query.get("state"))
            return Response(pages.page(rows, _line).body())

    def post(self, request: Request) -> Response:
        """Plan a rollback. A dry run answers 200 and keeps nothing."""
        fields = self.fields()
        select = {name: value for name, value in fields.pop("select").items() if value is not None}
        ids = tuple(select.pop("ids", ()))
        wanted = Wanted(ids=ids, **{NAMED.get(name, name): value for name, value in select.items()})
        return _planned(plan_rollback(self.principal, wanted=wanted, **fields))

    def replay(self, request: Request, done: Done) -> Response:
        return Response(_whole(self, done.resource_id))


class SpaceRollback(Endpoint):
    """A space as it was at a time."""

    acts = {"POST": "rollback.plan"}
    requests = {"POST": SpaceRollbackBody}
    answers = {"POST": {200: RollbackShape, 201: RollbackShape}}
    operations = {"POST": "plan_space_rollback"}

    def post(self, request: Request, id: UUID) -> Response:
        """Plan to undo every version that a space was given since a moment, and what was derived from them."""
        fields = self.fields()
        wanted = Wanted(space_id=id, since=fields.pop("since"))
        return _planned(plan_rollback(self.principal, wanted=wanted, **fields))

    def replay(self, request: Request, done: Done, id: UUID) -> Response:
        return Response(_whole(self, done.resource_id))


class OneRollback(Endpoint):
    """One order."""

    acts = {"GET": "rollback.read"}
    answers = {"GET": {200: RollbackShape}}
    operations = {"GET": "get_rollback"}

    def get(self, request: Request, id: UUID) -> Response:
        """How far it is, and at its end the report."""
        return Response(_whole(self, id))


class RollbackItems(Endpoint):
    """The records of one order."""

    acts = {"GET": "rollback.read"}
    queries = {"GET": ListQuery}
    answers = {"GET": {200: RollbackItemPage}}
    operations = {"GET": "list_rollback_items"}

    def get(self, request: Request, id: UUID) -> Response:
        """List what is done with each record, in the order of the plan."""
        pages = _items(id, self.query)
        with tenant_transaction():
            rows = reading.items_of(reading.rollback_of(self.principal, id))
            return Response(pages.page(rows, _item, order="id").body())


class RollbackRetrievals(Endpoint):
    """The searches that handed bad versions out."""

    acts = {"GET": "retrieval.read"}
    queries = {"GET": ListQuery}
    answers = {"GET": {200: page_of(HandedShape)}}
    operations = {"GET": "list_rollback_retrievals"}

    def get(self, request: Request, id: UUID) -> Response:
        """List the searches, newest first, each with the bad versions it handed out."""
        pages = pager(f"rollback:{id}:retrievals", self.query)
        before = pages.after if isinstance(pages.after, UUID) else None
        found = reading.handed_out(self.principal, id, before=before, limit=pages.limit)
        return Response(pages.cut(list(found), _handed, lambda each: each.retrieval_id).body())


class RollbackApproval(Endpoint):
    """One more word that it may run."""

    acts = {"POST": "rollback.approve"}
    answers = {"POST": {200: RollbackShape}}
    operations = {"POST": "approve_rollback"}

    def post(self, request: Request, id: UUID) -> Response:
        """Approve somebody else's plan."""
        approve_rollback(self.principal, rollback_id=id)
        return Response(_whole(self, id))

    def replay(self, request: Request, done: Done, id: UUID) -> Response:
        return Response(_whole(self, id))


class RollbackExecution(Endpoint):
    """Run a planned rollback."""

    acts = {"POST": "rollback.execute"}
    requests = {"POST": ExecuteBody}
    answers = {"POST": {202: {"type": "object"}}}
    operations = {"POST": "execute_rollback"}

    def post(self, request: Request, id: UUID) -> Response:
        """Start it, if it would still do exactly what was planned."""
        return started(execute_rollback(self.principal, rollback_id=id, **self.fields()))

    def replay(self, request: Request, done: Done, id: UUID) -> Response:
        return started(find_operation(done.resource_id))


def _items(rollback_id: UUID, query: dict[str, Any]) -> Pager:
    return pager(f"rollback:{rollback_id}:items", query)


def _whole(view: Endpoint, rollback_id: UUID) -> Body:
    pages = _items(rollback_id, {"limit": SHOWN})
    with tenant_transaction():
        row = reading.rollback_of(view.principal, rollback_id)
        items = pages.page(reading.items_of(row), _item, order="id").body()
    return _line(row) | {"items": items, "receipt": None}


def _planned(planned: PlannedRollback) -> Response:
    """A plan just made. A dry run was not kept, so it has no id, and no page after its first."""
    row, kept = planned.rollback, planned.receipt is not None
    if kept:
        pages = _items(row.id, {"limit": SHOWN})
        with tenant_transaction():
            items = pages.page(reading.items_of(row), _item, order="id").body()
    else:
        shown = [_undoing(each) for each in planned.plan.undoings[:SHOWN]]
        items = {"data": shown, "next_cursor": None, "has_more": len(planned.plan.undoings) > SHOWN}
    told = {"id": row.id if kept else None, "items": items, "receipt": planned.receipt}
    return Response(_line(row) | told, status=201 if kept else 200)


def _line(row: Rollback) -> Body:
    return {
        "id": row.id,
        "state": reading.state_of(row),
        "select": _select(row),
        "manifest": row.manifest,
        "created_at": rfc3339(row.created_at),
        "expires_at": rfc3339(row.expires_at),
        "finished_at": rfc3339(row.finished_at),
        "approvals": {"needed": 0, "given": row.approved_by},
        "counts": row.counts,
        "operation_id": row.operation_id,
        "report": row.report or None,
        "events": row.event_ids,
    }


def _select(row: Rollback) -> Body:
    """What was chosen by, as far as it is kept: of a source, an actor and a session only that they were named."""
    named = {name: getattr(row, f"{name}_key") is not None for name in ("source", "actor", "session")}
    since = rfc3339(row.since)
    return named | {"principal": row.writer_id, "space": row.space_id, "since": since, "ids": row.memcube_ids}


def _item(row: RollbackItem) -> Body:
    return {
        "id": row.memcube_id,
        "from_version": row.from_version,
        "to_version": row.to_version,
        "action": row.action,
        "step": row.step,
        "event_id": row.event_id,
    }


def _undoing(each: Undoing) -> Body:
    shown = {"from_version": each.from_version, "to_version": each.to_version, "action": each.action.value}
    return {"id": each.cube.id} | shown | {"step": RollbackItem.Step.PLANNED.value, "event_id": None}


def _handed(each: Handed) -> Body:
    hits = [{"id": cube_id, "version": number} for cube_id, number in each.hits]
    return {"id": each.retrieval_id, "principal_id": each.principal_id, "at": rfc3339(each.at), "hits": hits}

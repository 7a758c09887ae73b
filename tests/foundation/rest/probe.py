"""Endpoints to try the ground's plumbing on, with a credential and a policy that a test can read at a glance."""

from uuid import UUID

from django.urls import path
from rest_framework.authentication import BaseAuthentication
from rest_framework.response import Response

from foundation.kernel.ids import uuid7
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal, PrincipalKind, Role
from foundation.kernel.problems import Erased, NotFound, PolicyDenied
from foundation.kernel.scope import tenant_transaction
from foundation.rest import idempotency
from foundation.rest.etags import etag, require_match
from foundation.rest.fields import Boolean, Choice, Integer, Listing, Metadata, Moment, Name, Span, Text, Uuid
from foundation.rest.pages import ListQuery, page_of, pager
from foundation.rest.serializers import Shape, StrictSerializer
from foundation.rest.views import PUBLIC, Endpoint

denials = []
looks = []
looks = []
erased = set()


class Bearer(BaseAuthentication):
    """`Bearer <tenant> <role>`: whoever says so is believed."""

    def authenticate(self, request):
        parts = request.headers.get("Authorization", "").split()
        if len(parts) != 3:
            return None
        tenant_id, role = UUID(parts[1]), Role(parts[2])
        return Principal(UUID(int=7), tenant_id, PrincipalKind.SERVICE, role, name="probe"), None


def policy(principal, act, resource=None):
    """Readers may read, admins may write."""
    if act.endswith(".write") and principal.role is not Role.ADMIN:
        raise PolicyDenied


def deny(principal, act, problem, *, target=None):
    denials.append((principal.role, act, problem.slug, target))


def look(principal, act, *, target=None):
    looks.append((principal.role, act, target))


class Inner(StrictSerializer):
    note = Text(max_length=20)


class ThingRequest(StrictSerializer):
    name = Name()
    text = Text(max_length=100_000, max_bytes=65_536, required=False)
    count = Integer(required=False, min_value=0, max_value=9)
    flag = Boolean(required=False)
    kind = Choice(("one", "two"), required=False)
    when = Moment(required=False, allow_null=True)
    span = Span(required=False)
    ids = Listing(child=Uuid(), unique=True, max_length=3, required=False)
    inner = Inner(many=True, required=False)
    metadata = Metadata(required=False)


class ThingShape(Shape):
    id = Uuid()


class Probe(Endpoint):
    authentication_classes = [Bearer]


class Things(Probe):
    """Things, of which only the ids are kept, as owed work."""

    acts = {"GET": "thing.read", "POST": "thing.write"}
    requests = {"POST": ThingRequest}
    queries = {"GET": ListQuery}
    answers = {"GET": {200: page_of(ThingShape)}, "POST": {201: ThingShape}}

    def get(self, request):
        pages = pager("things", self.query)
        with tenant_transaction():
            return Response(pages.page(made(), lambda row: {"id": str(row.id)}).body())

    def post(self, request):
        self.fields()
        return make()

    def replay(self, request, done):
        if done.resource_id in erased:
            raise Erased
        return Response({"id": str(done.resource_id)})


def made():
    from foundation.kernel.models import WorkItem

    return WorkItem.objects.filter(kind="probe.thing")


def make(before_commit=lambda: None):
    with tenant_transaction():
        thing = enqueue("probe.thing", {})
        idempotency.complete(thing, 201)
        before_commit()
    return Response({"id": str(thing)}, status=201)


class Fragile(Things):
    """Its POST breaks where the test says: inside or after its transaction."""

    breaks = "inside"

    def post(self, request):
        if self.breaks == "inside":
            return make(before_commit=fail)
        make()
        return fail()


def fail():
    raise RuntimeError("Ana Diaz prefers the aisle seat")


class OneThing(Probe):
    acts = {"GET": "thing.read", "PUT": "thing.write"}
    requests = {"PUT": ThingRequest}
    answers = {"GET": {200: ThingShape}, "PUT": {200: ThingShape}}

    def get(self, request, id):
        if id.int < 2:
            raise Hidden
        return Response({"id": str(id)}, headers={"ETag": etag(7)})

    def put(self, request, id):
        require_match(request, etag(7))
        self.fields()
        return Response({"id": str(id)})


class Hidden(NotFound):
    denial = True


class Question(Probe):
    """A POST that only reads."""

    acts = {"POST": "thing.read"}
    requests = {"POST": ThingRequest}
    answers = {"POST": {200: ThingShape}}
    reads = True

    def post(self, request):
        self.fields()
        return Response({"id": str(uuid7())})


class Open(Probe):
    acts = {"GET": PUBLIC}
    answers = {"GET": {200: ThingShape}}

    def get(self, request):
        return Response({"id": str(uuid7())})


urlpatterns = [
    path("v1/things", Things.as_view()),
    path("v1/things:ask", Question.as_view()),
    path("v1/things/<uuid:id>", OneThing.as_view()),
    path("v1/fragile", Fragile.as_view()),
    path("v1/open", Open.as_view()),
]
handler404 = "foundation.rest.problems.not_found"
handler500 = "foundation.rest.problems.server_error"

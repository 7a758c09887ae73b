"""`Endpoint`: the one way a request becomes an act.

method → credential → tenant scope → rate limit → policy → body → idempotency → handler. Every endpoint declares the
act of each method, or it does not load; every refusal is a problem; denials of known principals are audited.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from foundation.kernel.principal import Principal
from foundation.kernel.problems import Problem, Unauthenticated
from foundation.kernel.scope import tenant_scope
from foundation.rest import body, idempotency, problems, throttles
from foundation.rest.schema import EndpointSchema
from foundation.rest.serializers import Nothing, StrictSerializer

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
PUBLIC = "public"  # the act of what needs no credential: liveness, keys, the schema itself
log = logging.getLogger(__name__)

Shapes = type[Serializer] | Mapping[str, Any] | None


class Endpoint(APIView):
    """A resource's door. Subclasses implement `get`, `post`, … and declare, per method:

    - `acts`: the act that policy decides on, or `PUBLIC`;
    - `requests`: the body's serializer; `queries`: the query string's (none: every parameter is refused);
    - `answers`: the shape of each success, `{"POST": {201: KeyShape}}`, for the OpenAPI document;
    - `conditional`: the methods whose handlers demand If-Match.

    A POST that changes state defines `replay(request, done, **kwargs)`, which renders anew, with its own checks, what
    an earlier request with the same Idempotency-Key did; a POST that only reads says `reads = True`.

    A GET is told to the audit log once it has succeeded, unless the endpoint says `audited = True`: then what it calls
    records the look itself.
    """

    acts: ClassVar[Mapping[str, str]] = {}
    requests: ClassVar[Mapping[str, type[StrictSerializer]]] = {}
    queries: ClassVar[Mapping[str, type[StrictSerializer]]] = {}
    answers: ClassVar[Mapping[str, Mapping[int, Shapes]]] = {}
    operations: ClassVar[Mapping[str, str]] = {}
    conditional: ClassVar[frozenset[str]] = frozenset({"PUT", "PATCH", "DELETE"})
    reads: ClassVar[bool] = False
    audited: ClassVar[bool] = False
    most_bytes: ClassVar[int] = body.SINGLE

    schema = EndpointSchema()
    parser_classes = [body.StrictJSONParser]
    renderer_classes = [JSONRenderer]
    permission_classes: ClassVar[list[Any]] = []
    throttle_classes: ClassVar[list[Any]] = []
    metadata_class = None
    http_method_names = [method.lower() for method in METHODS] + ["head"]

    principal: Principal

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        implemented = {method for method in METHODS if hasattr(cls, method.lower())}
        if implemented != set(cls.acts):
            raise ImproperlyConfigured(f"{cls.__qualname__} must declare an act for each of its methods, and no other")
        if "POST" in implemented and cls._changes_state() and cls.replay is Endpoint.replay:
            raise ImproperlyConfigured(f"{cls.__qualname__}: a POST defines replay(), or says reads = True")

    @classmethod
    def _changes_state(cls) -> bool:
        """Whether its POST changes state, and so takes an Idempotency-Key."""
        return not cls.reads and cls.acts.get("POST", PUBLIC) != PUBLIC

    # -- the way of a request -------------------------------------------------------------------------------------

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.args, self.kwargs = args, kwargs
        self.headers: dict[str, str] = {}
        self.request = asked = self.initialize_request(request, *args, **kwargs)
        with ExitStack() as self.scopes:
            try:
                self.initial(asked, *args, **kwargs)
                response = self._rendered(asked, self._handle(asked))
                self._tell_look()
            except Exception as error:
                response = self.finalize_response(asked, self.handle_exception(error))
        self.response = response
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.format_kwarg = None
        self.act = self._act(request)
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        if self.act == PUBLIC:
            self._throttle_stranger(request)
        else:
            self._identify(request)
            self._throttle()
            self.may(self.act)
        self.sent = self._read_body(request)
        self.query = self.queries.get(self.method, Nothing).read_query(request.query_params)

    def _act(self, request: Request) -> str:
        self.method = "GET" if request.method == "HEAD" else str(request.method)
        if self.method not in self.acts:
            raise exceptions.MethodNotAllowed(self.method)
        return str(self.acts[self.method])

    def _identify(self, request: Request) -> None:
        try:
            principal = request.user
            if not isinstance(principal, Principal):
                raise Unauthenticated
        except (Unauthenticated, exceptions.AuthenticationFailed):
            self._throttle_stranger(request)
            raise Unauthenticated from None
        self.principal = principal
        self.scopes.enter_context(tenant_scope(principal.tenant_id))

    def _throttle(self) -> None:
        name = str(self.principal.key_id or self.principal.id)
        self._spend(throttles.credentials.take(f"{self.principal.tenant_id}:{name}", throttles.credential_rate()))

    def _throttle_stranger(self, request: Request) -> None:
        self._spend(throttles.strangers.take(throttles.caller(request.META), throttles.stranger_rate()))

    def _spend(self, standing: throttles.Standing) -> None:
        self.headers |= standing.headers()
        standing.require()

    def _read_body(self, request: Request) -> bytes:
        if request.method not in WITH_BODY:
            return b""
        sent = body.load(request._request, self.most_bytes)
        _ = request.data  # parse now: a malformed body is refused before anything is asked of the database
        return sent

    # -- what a handler asks --------------------------------------------------------------------------------------

    def may(self, act: str, resource: Any = None) -> None:
        """Pass the one policy door, or raise `PolicyDenied` or `NotFound`."""
        import_string(settings.MEMWRIT_POLICY)(self.principal, act, resource)

    def fields(self, *, partial: bool = False) -> dict[str, Any]:
        """The request body, validated by this method's serializer."""
        reader = self.requests.get(self.request.method, Nothing)
        return reader.read(self.request.data, partial=partial)

    def replay(self, request: Request, done: idempotency.Done, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer anew, under today's rights, what an earlier request did; raises `Erased` and the like."""
        raise NotImplementedError

    # -- handling -------------------------------------------------------------------------------------------------

    def _handle(self, request: Request) -> HttpResponseBase:
        handler = getattr(self, request.method.lower())
        keyed = request.method == "POST" and self._changes_state()
        key = idempotency.key_of(request.headers.get(idempotency.HEADER)) if keyed else None
        if key is None:
            return handler(request, *self.args, **self.kwargs)  # type: ignore[no-any-return]
        begun = idempotency.begin(self._asked(request, key))
        if isinstance(begun, idempotency.Done):
            return self._replay(request, begun)
        with idempotency.attempt(begun):
            response: HttpResponseBase = handler(request, *self.args, **self.kwargs)
        if not begun.completed and response.status_code in (200, 201, 202):  # a batch may have refused every item
            log.error("%s changed state and did not complete its idempotency key", type(self).__qualname__)
        return response

    def _asked(self, request: Request, key: str) -> idempotency.Asked:
        route = request.resolver_match.route if request.resolver_match else type(self).__qualname__
        return idempotency.Asked(self.principal, request.method, route, request.get_full_path(), key, self.sent)

    def _replay(self, request: Request, done: idempotency.Done) -> HttpResponseBase:
        response = self.replay(request, done, *self.args, **self.kwargs)
        if response.status_code == HTTPStatus.OK:  # a view that says nothing of it answers as the first time
            response.status_code = done.status
        response["Idempotency-Replayed"] = "true"
        return response

    def _rendered(self, request: Request, response: HttpResponseBase) -> HttpResponseBase:
        """Render inside the scope, so that what goes wrong there is a problem too."""
        response = self.finalize_response(request, response)
        return response.render() if isinstance(response, Response) else response

    # -- refusals -------------------------------------------------------------------------------------------------

    def handle_exception(self, exc: Exception) -> HttpResponseBase:
        problem = problems.of(exc, allow=", ".join(self.allowed_methods))
        if problem.status == 403 or getattr(problem, "denial", False):
            self._tell_denial(problem)
        return problems.response(problem)

    def _tell_look(self) -> None:
        """Audit a look before its answer leaves: one that cannot be recorded is not answered."""
        teller = getattr(settings, "MEMWRIT_LOOK", "")
        if self.method == "GET" and self.act != PUBLIC and not self.audited and teller:
            import_string(teller)(self.principal, self.act, target=self.kwargs.get("id"))

    def _tell_denial(self, problem: Problem) -> None:
        """Audit the denial of a known principal. It stays denied whether or not that succeeds."""
        principal = getattr(self, "principal", None)
        if principal is None or not getattr(settings, "MEMWRIT_DENIAL", ""):
            return
        try:
            import_string(settings.MEMWRIT_DENIAL)(principal, self.act, problem, target=self.kwargs.get("id"))
        except Exception as error:
            log.error("a denial was not recorded: %s", type(error).__qualname__)

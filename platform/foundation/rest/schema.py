"""The OpenAPI 3.1 document, made from what endpoints declare. What it says is what the strict fields accept."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent, append_meta
from drf_spectacular.settings import patched_settings
from drf_spectacular.utils import Direction, OpenApiParameter, OpenApiResponse

from foundation.rest.problems import MEDIA_TYPE

SETTINGS = {
    "TITLE": "Memwrit",
    "DESCRIPTION": "Governs what AI agents remember: multi-tenant, sealed, provable.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "COMPONENT_SPLIT_REQUEST": True,
    "COMPONENT_NO_READ_ONLY_REQUIRED": False,
    "SORT_OPERATION_PARAMETERS": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [],
    "DISABLE_ERRORS_AND_WARNINGS": False,
}
PUBLIC = "public"
_ENDED = {
    400: "The request is malformed.",
    401: "No valid credential.",
    403: "Within reach, without the right.",
    404: "Not there, or not within reach.",
    406: "Only JSON is served.",
    409: "In conflict with the state of things.",
    410: "Withdrawn or erased.",
    412: "If-Match names another state.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "Fields are wrong, or a rule refused.",
    428: "If-Match is missing.",
    429: "Quota or rate limit.",
    500: "An integrity check failed, or a bug.",
    503: "Unavailable: try again.",
}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457; further members by type.",
    "required": ["type", "title", "status", "detail", "errors", "trace_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code"],
                "properties": {
                    "pointer": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
        "trace_id": {"type": "string"},
    },
}
_IF_MATCH = OpenApiParameter(
    "If-Match",
    {"type": "string", "minLength": 1},
    OpenApiParameter.HEADER,
    required=True,
    description="The ETag as read.",
)
_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]{1,255}$", "maxLength": 255},
    OpenApiParameter.HEADER,
    description="Sent again within 24 hours, the request has no second effect.",
)


class EndpointSchema(AutoSchema):
    """Reads an `Endpoint`'s declarations: `acts`, `requests`, `queries`, `answers`, `operations`."""

    def get_operation_id(self) -> str:
        return self.view.operations.get(self.method) or f"{self.method.lower()}_{_snake(type(self.view).__name__)}"

    def get_tags(self) -> list[str]:
        parts = [part for part in re.split(r"[/:]", self.path) if part and part != "v1"]
        return parts[:1]

    def get_auth(self) -> list[dict[str, list[str]]]:
        if self.view.acts[self.method] == PUBLIC:
            return []
        scheme = {"type": "http", "scheme": "bearer", "description": "An API key."}
        self.registry.register_on_missing(
            ResolvedComponent("bearer", ResolvedComponent.SECURITY_SCHEMA, schema=scheme, object="bearer")
        )
        return [{"bearer": []}]

    def get_extensions(self) -> dict[str, str]:
        return {"x-act": str(self.view.acts[self.method])}

    def get_request_serializer(self) -> Any:
        return self.view.requests.get(self.method)

    def get_override_parameters(self) -> list[Any]:
        made: list[Any] = [self.view.queries[self.method]] if self.method in self.view.queries else []
        if self._conditional():
            made.append(_IF_MATCH)
        if self.method == "POST" and self.view._changes_state():
            made.append(_KEY)
        return [*made, *self._response_headers()]

    def _conditional(self) -> bool:
        return self.method in self.view.conditional

    def _response_headers(self) -> list[OpenApiParameter]:
        good = list(self.view.answers.get(self.method, {200: None}))
        made = [("X-Request-Id", "The request's own id.")]
        if self.view.conditional & set(self.view.acts):
            made.append(("ETag", "The state, for If-Match."))
        return [
            OpenApiParameter(name, str, OpenApiParameter.HEADER, response=good, description=text) for name, text in made
        ]

    def get_response_serializers(self) -> dict[Any, Any]:
        answers = self.view.answers.get(self.method, {200: None})
        problem = OpenApiResponse(self._problem(), description="")
        return {
            **{status: OpenApiResponse(shape) for status, shape in answers.items()},
            **{(status, MEDIA_TYPE): problem for status in self._refusals() if status not in answers},
        }

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status, told in bodies.items():
            if not told.get("description"):
                told["description"] = _ENDED.get(int(status), "Done.")
            if int(status) == 429:
                told.setdefault("headers", {})["Retry-After"] = {"schema": {"type": "string"}}
        return bodies

    def _problem(self) -> dict[str, str]:
        component = ResolvedComponent("Problem", ResolvedComponent.SCHEMA, schema=_PROBLEM, object="Problem")
        self.registry.register_on_missing(component)
        return component.ref  # type: ignore[no-any-return]

    def _refusals(self) -> list[int]:
        found = {400, 406, 422, 429, 500, 503}
        if self.view.acts[self.method] != PUBLIC:
            found |= {401, 403, 404}
        if self.method in ("POST", "PUT", "PATCH"):
            found |= {409, 413, 415}
        if self._conditional():
            found |= {409, 412, 428}
        if "{" in self.path:
            found |= {404, 409, 410}
        return sorted(found)

    def get_serializer_identity(self, serializer: Any, direction: Direction) -> Any:
        """Two classes of one name and the same fields are one component; of one name and other fields, a warning."""
        key = (type(serializer).__name__, tuple(getattr(serializer, "fields", ())))
        return _shapes.setdefault(key, type(serializer))

    def get_serializer_name(self, serializer: Any, direction: str) -> str:
        """`KeyShape` is told as `Key`, `KeyRequest` (to which the framework adds its own `Request`) as `KeyRequest`."""
        return re.sub(r"(?<=.)(Shape|Request)$", "", type(serializer).__name__)

    def _map_serializer_field(self, field: Any, direction: str, bypass_extensions: bool = False) -> dict[str, Any]:
        if hasattr(field, "openapi"):
            meta = self._get_serializer_field_meta(field, direction)
            return append_meta(field.openapi(), meta)  # type: ignore[no-any-return]
        mapped: dict[str, Any] = super()._map_serializer_field(field, direction, bypass_extensions)
        if getattr(field, "unique", False) is True:
            mapped["uniqueItems"] = True
        return mapped

    def _map_serializer(self, serializer: Any, direction: str, bypass_extensions: bool = False) -> dict[str, Any]:
        mapped: dict[str, Any] = super()._map_serializer(serializer, direction, bypass_extensions)
        if direction == "request" and mapped.get("type") == "object":
            mapped["additionalProperties"] = False
            mapped.update(getattr(serializer, "openapi_extra", {}))
        return mapped


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


_shapes: dict[tuple[str, tuple[str, ...]], type] = {}
_lock = threading.Lock()


@cache
def document() -> Mapping[str, Any]:
    """The whole document; made once, on first demand."""
    with _lock, patched_settings(SETTINGS):
        return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-any-return]

"""`GET /v1/openapi.json`."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from foundation.rest.schema import document
from foundation.rest.views import PUBLIC, Endpoint


class OpenApi(Endpoint):
    """The OpenAPI 3.1 document of this server."""

    acts = {"GET": PUBLIC}
    answers = {"GET": {200: {"type": "object"}}}

    def get(self, request: Request) -> Response:
        return Response(document())

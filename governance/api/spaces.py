"""`/v1/spaces`."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag, if_match
from foundation.rest.idempotency import Done
from foundation.rest.pages import ListQuery, page_of, pager
from foundation.rest.views import Endpoint
from governance import selectors
from governance.api import rendering, shapes
from governance.models import Space
from governance.services.spaces import create_space, delete_space, update_space


def told(space: Space, status: int = 200) -> Response:
    headers = {"ETag": etag(space.version)}
    if status == 201:
        headers["Location"] = f"/v1/spaces/{space.id}"
    return Response(rendering.space(space), status=status, headers=headers)


class Spaces(Endpoint):
    """Containers of memories, each with its policies."""

    acts = {"GET": "space.read", "POST": "space.create"}
    requests = {"POST": shapes.SpaceBody}
    queries = {"GET": ListQuery}
    answers = {"GET": {200: page_of(shapes.SpaceShape)}, "POST": {201: shapes.SpaceShape}}
    operations = {"GET": "list_spaces", "POST": "create_space"}

    def get(self, request: Request) -> Response:
        """List the spaces the credential reaches."""
        pages = pager("spaces", self.query)
        with tenant_transaction():
            return Response(pages.page(selectors.spaces(self.principal), rendering.space, order="id").body())

    def post(self, request: Request) -> Response:
        """Make a space."""
        return told(create_space(self.principal, **self.fields()), 201)

    def replay(self, request: Request, done: Done) -> Response:
        return told(selectors.reach_space(self.principal, done.resource_id, "space.read"))


class OneSpace(Endpoint):
    """One space."""

    acts = {"GET": "space.read", "PATCH": "space.update", "DELETE": "space.delete"}
    requests = {"PATCH": shapes.SpaceChange}
    answers = {"GET": {200: shapes.SpaceShape}, "PATCH": {200: shapes.SpaceShape}, "DELETE": {200: shapes.SpaceShape}}
    operations = {"GET": "get_space", "PATCH": "update_space", "DELETE": "delete_space"}

    def get(self, request: Request, id: UUID) -> Response:
        """Read a space."""
        return told(selectors.reach_space(self.principal, id, "space.read"))

    def patch(self, request: Request, id: UUID) -> Response:
        """Change a space's name, policies or grace."""
        changes = self.fields(partial=True)
        return told(update_space(self.principal, space_id=id, if_match=if_match(request), changes=changes))

    def delete(self, request: Request, id: UUID) -> Response:
        """Delete a space that holds nothing any more."""
        return told(delete_space(self.principal, space_id=id, if_match=if_match(request)))

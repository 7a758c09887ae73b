"""`/v1/api_keys`: credentials and their life."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from audit.services.receipts import receipt
from foundation.kernel.principal import Role
from foundation.kernel.problems import SecretShown
from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag, if_match
from foundation.rest.fields import Choice, Listing, Moment, Name, Span, Text, Uuid
from foundation.rest.idempotency import Done
from foundation.rest.pages import ListQuery, page_of, pager
from foundation.rest.serializers import Shape, StrictSerializer
from foundation.rest.views import Endpoint
from tenants.api.shapes import ReceiptShape
from tenants.models import ApiKey
from tenants.roles import BOUND_TO_SPACES, CREDENTIAL_ROLES
from tenants.selectors import api_key, api_keys
from tenants.services.create_key import NewKey, create_key
from tenants.services.revoke_key import revoke_key
from tenants.services.rotate_key import rotate_key

_BOUND = sorted(role.value for role in BOUND_TO_SPACES)


class KeyRequest(StrictSerializer):
    role = Choice(CREDENTIAL_ROLES)
    spaces = Listing(child=Uuid(), unique=True, max_length=100, required=False, default=list)
    name = Name()
    expires_at = Moment(required=False, allow_null=True, default=None)

    openapi_extra = {
        "if": {"properties": {"role": {"enum": _BOUND}}},
        "then": {"required": ["spaces"], "properties": {"spaces": {"minItems": 1}}},
    }


class RotationRequest(StrictSerializer):
    overlap = Span(required=False, default=timedelta, max_value=timedelta(days=7))


class KeyShape(Shape):
    id = Uuid()
    principal_id = Uuid()
    role = Choice(CREDENTIAL_ROLES)
    name = Text()
    spaces = Listing(child=Uuid())
    created_at = Moment()
    expires_at = Moment(allow_null=True)
    revoked_at = Moment(allow_null=True)
    rotated_from = Uuid(allow_null=True)


class NewKeyShape(KeyShape):
    """The one answer that shows a key's text."""

    api_key = Text()
    receipt = ReceiptShape()


class RevokedKeyShape(KeyShape):
    receipt = ReceiptShape()


def _shown(key: ApiKey) -> dict[str, Any]:
    return dict(KeyShape(key).data)


def _tag(key: ApiKey) -> dict[str, str]:
    return {"ETag": etag(1, key.rev)}


def _made(made: NewKey) -> Response:
    body = _shown(made.key) | {"api_key": made.api_key, "receipt": receipt(made.event)}
    return Response(body, status=201, headers=_tag(made.key) | {"Location": f"/v1/api_keys/{made.key.id}"})


class ApiKeys(Endpoint):
    """The tenant's API keys."""

    acts = {"GET": "key.read", "POST": "key.create"}
    requests = {"POST": KeyRequest}
    queries = {"GET": ListQuery}
    answers = {"GET": {200: page_of(KeyShape)}, "POST": {201: NewKeyShape}}
    operations = {"GET": "list_api_keys", "POST": "create_api_key"}

    def get(self, request: Request) -> Response:
        """List the keys, newest first, revoked ones too."""
        pages = pager("api_keys", self.query)
        with tenant_transaction():
            return Response(pages.page(api_keys(), _shown).body())

    def post(self, request: Request) -> Response:
        """Make a key. Its text is in this answer and nowhere else."""
        fields = self.fields()
        return _made(create_key(self.principal, **(fields | {"role": Role(fields["role"])})))

    def replay(self, request: Request, done: Done) -> Response:
        raise SecretShown(extra={"id": str(done.resource_id)})


class OneApiKey(Endpoint):
    """One API key."""

    acts = {"GET": "key.read", "DELETE": "key.revoke"}
    answers = {"GET": {200: KeyShape}, "DELETE": {200: RevokedKeyShape}}
    operations = {"GET": "get_api_key", "DELETE": "revoke_api_key"}

    def get(self, request: Request, id: UUID) -> Response:
        """Read a key's terms; never its secret."""
        with tenant_transaction():
            key = api_key(id)
        return Response(_shown(key), headers=_tag(key))

    def delete(self, request: Request, id: UUID) -> Response:
        """Revoke a key: it is refused from this answer on."""
        key, event = revoke_key(self.principal, key_id=id, if_match=if_match(request))
        return Response(_shown(key) | {"receipt": receipt(event)}, headers=_tag(key))


class ApiKeyRotation(Endpoint):
    """A new secret for the same principal."""

    acts = {"POST": "key.rotate"}
    requests = {"POST": RotationRequest}
    answers = {"POST": {201: NewKeyShape}}
    operations = {"POST": "rotate_api_key"}

    def post(self, request: Request, id: UUID) -> Response:
        """Make a new key with the same terms; the old one ends after `overlap`."""
        return _made(rotate_key(self.principal, key_id=id, **self.fields()))

    def replay(self, request: Request, done: Done, id: UUID) -> Response:
        raise SecretShown(extra={"id": str(done.resource_id)})

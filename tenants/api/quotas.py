"""`/v1/quotas` and `/v1/usage`."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from audit.services.receipts import receipt
from foundation.kernel.problems import NotFound
from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag, if_match
from foundation.rest.fields import Choice, Integer
from foundation.rest.pages import page_of
from foundation.rest.serializers import Shape, StrictSerializer
from foundation.rest.views import Endpoint
from tenants.api.shapes import ReceiptShape
from tenants.models import Resource
from tenants.selectors import Standing, standing, standings
from tenants.services.set_quota import set_quota


class QuotaRequest(StrictSerializer):
    limit = Integer(allow_null=True, min_value=0)


class QuotaShape(Shape):
    resource = Choice(Resource)
    window = Choice(("day", "total"))
    limit = Integer(allow_null=True)
    version = Integer()


class ChangedQuotaShape(QuotaShape):
    receipt = ReceiptShape()


class UsageShape(Shape):
    resource = Choice(Resource)
    window = Choice(("day", "total"))
    used = Integer()
    limit = Integer(allow_null=True)


def _quota(found: Standing) -> dict[str, Any]:
    window = "day" if found.resource.daily else "total"
    return {
        "resource": found.resource.value,
        "window": window,
        "limit": found.ceiling,
        "version": found.version,
    }


def _usage(found: Standing) -> dict[str, Any]:
    quota = _quota(found)
    return {"resource": quota["resource"], "window": quota["window"], "used": found.used, "limit": quota["limit"]}


def _whole(items: list[dict[str, Any]]) -> Response:
    """A list that is one page by nature: there are as many resources as words for them."""
    return Response({"data": items, "next_cursor": None, "has_more": False})


def _resource(word: str) -> Resource:
    try:
        return Resource(word)
    except ValueError:
        raise NotFound from None


class Quotas(Endpoint):
    """The tenant's limits."""

    acts = {"GET": "policy.read"}
    answers = {"GET": {200: page_of(QuotaShape)}}
    operations = {"GET": "list_quotas"}

    def get(self, request: Request) -> Response:
        """List every resource and its limit."""
        with tenant_transaction():
            return _whole([_quota(found) for found in standings()])


class OneQuota(Endpoint):
    """The limit of one resource."""

    acts = {"GET": "policy.read", "PUT": "quota.change"}
    requests = {"PUT": QuotaRequest}
    answers = {"GET": {200: QuotaShape}, "PUT": {200: ChangedQuotaShape}}
    operations = {"GET": "get_quota", "PUT": "set_quota"}

    def get(self, request: Request, resource: str) -> Response:
        """Read one limit."""
        with tenant_transaction():
            found = standing(_resource(resource))
        return Response(_quota(found), headers={"ETag": etag(found.version)})

    def put(self, request: Request, resource: str) -> Response:
        """Set a limit, or lift it with null."""
        named, tag, limit = _resource(resource), if_match(request), self.fields()["limit"]
        found, event = set_quota(self.principal, resource=named, ceiling=limit, if_match=tag)
        return Response(_quota(found) | {"receipt": receipt(event)}, headers={"ETag": etag(found.version)})


class Usages(Endpoint):
    """What the tenant uses."""

    acts = {"GET": "usage.read"}
    answers = {"GET": {200: page_of(UsageShape)}}
    operations = {"GET": "list_usage"}

    def get(self, request: Request) -> Response:
        """List every resource, how much of it is used (today, or altogether) and its limit."""
        with tenant_transaction():
            return _whole([_usage(found) for found in standings()])

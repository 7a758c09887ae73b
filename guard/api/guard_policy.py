"""`/v1/guard_policy`: how the guard judges the tenant's memories."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from audit.services.receipts import receipt
from foundation.kernel.clock import rfc3339
from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag, if_match
from foundation.rest.fields import Boolean, Integer, Moment, Number
from foundation.rest.serializers import Shape, StrictSerializer
from foundation.rest.views import Endpoint
from guard.models import GuardPolicyVersion
from guard.selectors import calibration, newest_guard_policy
from guard.services.set_guard_policy import set_guard_policy
from guard.types import Calibration, GuardPolicy
from tenants.api.shapes import ReceiptShape


class GuardPolicyBody(StrictSerializer):
    alpha = Number(min_value=0.0005, max_value=0.2)
    optional_judge = Boolean(required=False, default=False)


class GuardPolicyShape(Shape):
    version = Integer()
    alpha = Number(min_value=0.0005, max_value=0.2)
    optional_judge = Boolean()
    calibration = Integer()
    created_at = Moment(allow_null=True)


class ChangedGuardPolicyShape(GuardPolicyShape):
    receipt = ReceiptShape()


def _body(row: GuardPolicyVersion | None, own: Calibration) -> dict[str, Any]:
    return {
        "version": row.number if row else 0,
        "alpha": row.alpha if row else GuardPolicy().alpha,
        "optional_judge": bool(row and row.optional_judge),
        "calibration": own.version,
        "created_at": rfc3339(row.created_at) if row else None,
    }


class OneGuardPolicy(Endpoint):
    """The tenant's choices: what share of benign memories it accepts to review, and whether a model may be asked."""

    acts = {"GET": "policy.read", "PUT": "config.change"}
    requests = {"PUT": GuardPolicyBody}
    answers = {"GET": {200: GuardPolicyShape}, "PUT": {200: ChangedGuardPolicyShape}}
    operations = {"GET": "get_guard_policy", "PUT": "replace_guard_policy"}

    def get(self, request: Request) -> Response:
        """Read the version in force (0: the shipped one) and the number of the tenant's own calibration (0: none)."""
        with tenant_transaction():
            body = _body(newest_guard_policy(), calibration())
        return Response(body, headers={"ETag": etag(body["version"])})

    def put(self, request: Request) -> Response:
        """Put a new version in force."""
        made, event = set_guard_policy(self.principal, if_match=if_match(request), **self.fields())
        with tenant_transaction():
            body = _body(made, calibration()) | {"receipt": receipt(event)}
        return Response(body, headers={"ETag": etag(made.number)})

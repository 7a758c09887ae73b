"""`/v1/guard:check`: what to heed before acting."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from foundation.rest.views import Endpoint
from guard.api import shapes
from guard.services.check_plan import Advice, Plan, check_plan


class GuardCheck(Endpoint):
    """Lessons that concern a plan."""

    reads = True
    acts = {"POST": "guard.check"}
    requests = {"POST": shapes.CheckBody}
    answers = {"POST": {200: shapes.CheckShape}}
    operations = {"POST": "check_plan"}

    def post(self, request: Request) -> Response:
        """Ask which lessons to heed before an action. Nothing of it is kept."""
        fields = self.fields()
        plan = Plan(fields["action"], fields.get("context", ""), fields.get("space"))
        checked = check_plan(self.principal, plan=plan)
        return Response({"data": [_advice(each) for each in checked.advice], "receipt": checked.receipt})


def _advice(advice: Advice) -> dict[str, Any]:
    found = advice.found
    return {
        "lesson_id": found.id,
        "version": found.version,
        **advice.body.to_dict(),
        "match": found.match,
        "confidence": found.confidence,
    }

"""Doors to what stands behind tokens: one value for a reason, and what a PII policy would do, in counts."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from foundation.rest.fields import Choice, Integer, Listing, Text, Uuid
from foundation.rest.serializers import Shape, StrictSerializer
from foundation.rest.views import Endpoint
from governance.services.reveal import reveal
from governance.services.simulate_policy import Simulation, simulate_policy
from guard.api.policies import RuleBody
from guard.pii.entities import Entity
from guard.pii.policy import Action, Mode, PiiPolicy, Rule
from guard.selectors import stored_policy
from guard.services.pii_policies import Terms, check_terms
from tenants.api.shapes import ReceiptShape

TOKEN = r"^<?[A-Z_]{3,16}_[0-9a-z]{10}>?$"  # noqa: S105 - a form, not a secret
MOST_SIMULATED = 100
USUALLY_SIMULATED = 50


class RevealBody(StrictSerializer):
    token = Text(pattern=TOKEN, max_length=32)
    reason = Text(max_length=1024, min_length=1)


class RevealedShape(Shape):
    id = Uuid()
    version = Integer()
    path = Text()
    type = Choice(Entity)
    token = Text()
    value = Text()
    receipt = ReceiptShape()


class MemoryReveal(Endpoint):
    """The value behind one token of a memory."""

    acts = {"POST": "memory.reveal"}
    requests = {"POST": RevealBody}
    answers = {"POST": {200: RevealedShape}}
    operations = {"POST": "reveal_value"}
    reads = True

    def post(self, request: Request, id: UUID) -> Response:
        """Reveal one value, for a reason. Audited; a few at once, then one a minute."""
        found = reveal(self.principal, memory_id=id, **self.fields())
        body = {
            "id": found.memory_id,
            "version": found.version,
            "path": found.span["path"],
            "type": found.span["type"],
            "token": found.token,
            "value": found.value,
            "receipt": found.receipt,
        }
        return Response(body, headers={"Cache-Control": "no-store"})


class DraftBody(StrictSerializer):
    mode = Choice(Mode, required=False)
    default_action = Choice(Action, required=False)
    rules = Listing(child=RuleBody(), max_length=200, required=False)
    space = Uuid(required=False, allow_null=True)
    limit = Integer(min_value=1, max_value=MOST_SIMULATED, required=False)


class TransitionShape(Shape):
    entity = Choice(Entity)
    now = Choice([*Action, "none"])
    then = Choice([*Action, "none"])
    count = Integer()


class SimulationShape(Shape):
    examined = Integer()
    changed = Integer()
    rejected = Integer()
    unread = Integer()
    irreversible = Integer()
    entities = Listing(child=TransitionShape())
    receipt = ReceiptShape()


class PolicySimulation(Endpoint):
    """What a draft would do to recent admissions."""

    acts = {"POST": "policy.read"}
    requests = {"POST": DraftBody}
    answers = {"POST": {200: SimulationShape}}
    operations = {"POST": "simulate_pii_policy"}
    reads = True

    def post(self, request: Request) -> Response:
        """Count what would change. Nothing is kept."""
        return _simulated(self, PiiPolicy("draft", 0, Mode.STRICT, Action.PSEUDONYMISE))


class OnePolicySimulation(Endpoint):
    """What a policy, or a draft of its next version, would do to recent admissions."""

    acts = {"POST": "policy.read"}
    requests = {"POST": DraftBody}
    answers = {"POST": {200: SimulationShape}}
    operations = {"POST": "simulate_one_pii_policy"}
    reads = True

    def post(self, request: Request, id: UUID) -> Response:
        """Count what would change; what the body does not name is as in the version in force."""
        return _simulated(self, stored_policy(id).policy, id)


def _simulated(endpoint: Endpoint, base: PiiPolicy, policy_id: UUID | None = None) -> Response:
    fields = endpoint.fields()
    terms = Terms(
        Mode(fields.get("mode", base.mode)),
        Action(fields.get("default_action", base.default_action)),
        tuple(Rule.from_json(rule) for rule in fields["rules"]) if "rules" in fields else base.rules,
    )
    check_terms(terms)
    draft = PiiPolicy(base.name, base.version, terms.mode, terms.default_action, terms.rules)
    asked = {"space_id": fields.get("space"), "limit": fields.get("limit", USUALLY_SIMULATED)}
    return Response(_body(simulate_policy(endpoint.principal, draft=draft, policy_id=policy_id, **asked)))


def _body(told: Simulation) -> dict[str, Any]:
    entities = [
        {"entity": entity, "now": now, "then": then, "count": count}
        for (entity, now, then), count in sorted(told.transitions.items())
    ]
    counts = {name: getattr(told, name) for name in ("examined", "changed", "rejected", "unread", "irreversible")}
    return counts | {"entities": entities, "receipt": told.receipt}

"""`/v1/retention_policies`: how long records are kept at least and at most, versioned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from foundation.kernel.clock import rfc3339
from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Principal
from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag, if_match
from foundation.rest.fields import Boolean, Choice, Integer, Listing, Moment, Name, Text, Uuid
from foundation.rest.idempotency import Done
from foundation.rest.pages import ListQuery, page_of, pager
from foundation.rest.serializers import Shape, StrictSerializer
from foundation.rest.views import Endpoint
from governance.models import Kind
from governance.retention.ages import PATTERN, Age
from governance.retention.keeping import RETENTION_POLICIES
from governance.retention.rules import RetentionPolicy, Rule
from governance.retention.selectors import Made, made, stored_policy
from governance.services.retention_policies import check_rules, create_retention_policy, replace_retention_policy
from governance.services.simulate_retention import HOLD, MINIMUM, Sample, Simulation, simulate_retention
from guard.api.shapes import LABEL
from tenants.api.shapes import ReceiptShape
from tenants.policy import reachable_spaces

MOST_RULES = 100
MOST_DAYS, USUAL_DAYS = 365, 30
MOST_EXAMINED, USUALLY_EXAMINED = 50_000, 10_000


class AgeText(Text):
    """An ISO 8601 duration, calendar years and months too; as it was understood when it is answered."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(pattern=PATTERN, max_length=48, allow_null=True, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        try:
            return str(Age.parse(super().to_internal_value(data)))
        except ValueError as error:
            raise ValidationError("Not a duration of more than nothing and at most 100 years.", "invalid") from error


class RuleBody(StrictSerializer):
    kind = Choice(Kind, required=False, allow_null=True, default=None)
    label = Text(pattern=LABEL, max_length=64, required=False, allow_null=True, default=None)
    space = Uuid(required=False, allow_null=True, default=None)
    minimum = AgeText(required=False, default=None)
    maximum = AgeText(required=False, default=None)


def rule_list(**kwargs: Any) -> Listing:
    return Listing(child=RuleBody(), max_length=MOST_RULES, **kwargs)


class RetentionBody(StrictSerializer):
    name = Name()
    rules = rule_list(required=False, default=list)


class RuleShape(Shape):
    kind = Choice(Kind, allow_null=True)
    label = Text(allow_null=True)
    space = Uuid(allow_null=True)
    minimum = AgeText()
    maximum = AgeText()


class RetentionShape(Shape):
    id = Uuid()
    name = Text()
    version = Integer()
    rules = Listing(child=RuleShape())
    spaces = Listing(child=Uuid())
    created_at = Moment()


class DraftBody(StrictSerializer):
    rules = rule_list(required=False)
    spaces = Listing(child=Uuid(), unique=True, max_length=100, required=False)
    days = Integer(min_value=0, max_value=MOST_DAYS, required=False)
    limit = Integer(min_value=1, max_value=MOST_EXAMINED, required=False)


class NewDraftBody(DraftBody):
    rules = rule_list()
    spaces = Listing(child=Uuid(), unique=True, min_length=1, max_length=100)


class DayShape(Shape):
    day = Integer()
    records = Integer()


class BlockedShape(Shape):
    held = Integer()
    minimum = Integer()


class SampleShape(Shape):
    id = Uuid()
    space = Uuid()
    kind = Choice(Kind)
    created_at = Moment()
    over_at = Moment()
    kept_by = Choice((HOLD, MINIMUM), allow_null=True)


class SimulationShape(Shape):
    examined = Integer()
    complete = Boolean()
    erased = Integer()
    days = Listing(child=DayShape())
    derived = Integer()
    blocked = BlockedShape()
    protected = Integer()
    unbounded = Integer()
    samples = Listing(child=SampleShape())
    receipt = ReceiptShape()


def _rules(given: Sequence[dict[str, Any]]) -> tuple[Rule, ...]:
    return tuple(Rule.from_json(rule) for rule in given)


def _body(principal: Principal, found: Made) -> dict[str, Any]:
    """The policy, with those of the spaces that name it which the principal reaches."""
    policy, reach = found.policy, reachable_spaces(principal)
    return {
        "id": policy.id,
        "name": policy.name,
        "version": policy.version,
        "rules": [rule.as_json() for rule in policy.rules],
        "spaces": [each for each in found.spaces if reach is None or each in reach],
        "created_at": rfc3339(found.created_at),
    }


def _told(principal: Principal, found: Made, status: int = 200) -> Response:
    headers = {"ETag": etag(found.policy.version)}
    if status == 201:
        headers["Location"] = f"/v1/retention_policies/{found.policy.id}"
    return Response(_body(principal, found), status=status, headers=headers)


class RetentionPolicies(Endpoint):
    """The tenant's retention policies, each in its version in force."""

    acts = {"GET": "policy.read", "POST": "config.change"}
    requests = {"POST": RetentionBody}
    queries = {"GET": ListQuery}
    answers = {"GET": {200: page_of(RetentionShape)}, "POST": {201: RetentionShape}}
    operations = {"GET": "list_retention_policies", "POST": "create_retention_policy"}

    def get(self, request: Request) -> Response:
        """List the policies."""
        pages = pager("retention_policies", self.query)
        with tenant_transaction():
            page = pages.page(
                RETENTION_POLICIES.in_force(), lambda row: _body(self.principal, made([row])[0]), order="policy_id"
            )
        return Response(page.body())

    def post(self, request: Request) -> Response:
        """Make a policy. It holds where a space names it."""
        fields = self.fields()
        found, _ = create_retention_policy(self.principal, name=fields["name"], rules=_rules(fields["rules"]))
        return _told(self.principal, found, 201)

    def replay(self, request: Request, done: Done) -> Response:
        return _told(self.principal, stored_policy(done.resource_id), 201)


class OneRetentionPolicy(Endpoint):
    """One retention policy."""

    acts = {"GET": "policy.read", "PUT": "config.change"}
    requests = {"PUT": RetentionBody}
    answers = {"GET": {200: RetentionShape}, "PUT": {200: RetentionShape}}
    operations = {"GET": "get_retention_policy", "PUT": "replace_retention_policy"}

    def get(self, request: Request, id: UUID) -> Response:
        """Read the version in force."""
        return _told(self.principal, stored_policy(id))

    def put(self, request: Request, id: UUID) -> Response:
        """Put a new version in force."""
        fields = self.fields()
        changed = {"name": fields["name"], "rules": _rules(fields["rules"])}
        found, _ = replace_retention_policy(self.principal, policy_id=id, if_match=if_match(request), **changed)
        return _told(self.principal, found)


class RetentionSimulation(Endpoint):
    """What a draft would do to the records there are."""

    acts = {"POST": "policy.read"}
    requests = {"POST": NewDraftBody}
    answers = {"POST": {200: SimulationShape}}
    operations = {"POST": "simulate_retention_policy"}
    reads = True

    def post(self, request: Request) -> Response:
        """Count what it would erase and keep in these spaces. Nothing is kept."""
        return _simulated(self, RetentionPolicy(uuid7(), "draft", 0))


class OneRetentionSimulation(Endpoint):
    """What a policy, or a draft of its next version, would do to the records there are."""

    acts = {"POST": "policy.read"}
    requests = {"POST": DraftBody}
    answers = {"POST": {200: SimulationShape}}
    operations = {"POST": "simulate_one_retention_policy"}
    reads = True

    def post(self, request: Request, id: UUID) -> Response:
        """Count what it would erase and keep; without `spaces`, in those that name it."""
        return _simulated(self, stored_policy(id).policy)


def _simulated(endpoint: Endpoint, base: RetentionPolicy) -> Response:
    fields = endpoint.fields()
    given = _rules(fields["rules"]) if "rules" in fields else base.rules
    check_rules(given)
    draft = RetentionPolicy(base.id, base.name, base.version, given)
    asked = {"days": fields.get("days", USUAL_DAYS), "limit": fields.get("limit", USUALLY_EXAMINED)}
    return Response(
        _outcome(simulate_retention(endpoint.principal, draft=draft, space_ids=fields.get("spaces"), **asked))
    )


def _outcome(told: Simulation) -> dict[str, Any]:
    return {
        **{name: getattr(told, name) for name in ("examined", "complete", "erased", "derived")},
        **{name: getattr(told, name) for name in ("protected", "unbounded", "receipt")},
        "days": [{"day": day, "records": count} for day, count in sorted(told.days.items())],
        "blocked": {"held": told.blocked[HOLD], "minimum": told.blocked[MINIMUM]},
        "samples": [_sample(each) for each in told.samples],
    }


def _sample(each: Sample) -> dict[str, Any]:
    return {
        "id": each.id,
        "space": each.space_id,
        "kind": each.kind,
        "created_at": rfc3339(each.created_at),
        "over_at": rfc3339(each.over_at),
        "kept_by": each.kept_by,
    }

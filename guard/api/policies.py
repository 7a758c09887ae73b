"""`/v1/pii_policies`: what is done with personal data, versioned."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from foundation.kernel.principal import Role
from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag, if_match
from foundation.rest.fields import Choice, Integer, Listing, Moment, Name, Text, Uuid
from foundation.rest.idempotency import Done
from foundation.rest.pages import ListQuery, page_of, pager
from foundation.rest.serializers import Shape, StrictSerializer
from foundation.rest.views import Endpoint
from guard.pii.entities import Entity
from guard.pii.policy import Action, Mode, Rule
from guard.selectors import StoredPolicy, policies_in_force, stored, stored_policy
from guard.services.pii_policies import Terms, create_pii_policy, replace_pii_policy
from tenants.roles import CREDENTIAL_ROLES

# Short and of few characters: a policy stands readable at rest.
PATH = r"^(?:/[A-Za-z0-9_.:~-]{1,64}){1,8}$"


class RuleBody(StrictSerializer):
    entity = Choice(Entity, required=False, allow_null=True, default=None)
    path = Text(pattern=PATH, max_length=256, required=False, allow_null=True, default=None)
    action = Choice(Action)
    reveal_to = Listing(child=Choice(CREDENTIAL_ROLES), unique=True, max_length=8, required=False, default=list)


class PolicyBody(StrictSerializer):
    name = Name()
    mode = Choice(Mode, required=False, default=Mode.STRICT.value)
    default_action = Choice(Action, required=False, default=Action.PSEUDONYMISE.value)
    rules = Listing(child=RuleBody(), max_length=200, required=False, default=list)


class RuleShape(Shape):
    entity = Choice(Entity, allow_null=True)
    path = Text(allow_null=True)
    action = Choice(Action)
    reveal_to = Listing(child=Choice([role.value for role in Role]))


class PolicyShape(Shape):
    id = Uuid()
    name = Text()
    version = Integer()
    mode = Choice(Mode)
    default_action = Choice(Action)
    rules = Listing(child=RuleShape())
    created_at = Moment()


def _terms(fields: dict[str, Any]) -> Terms:
    rules = tuple(Rule.from_json(rule) for rule in fields["rules"])
    return Terms(Mode(fields["mode"]), Action(fields["default_action"]), rules)


def _body(found: StoredPolicy) -> dict[str, Any]:
    policy = found.policy
    shown = {
        "id": found.id,
        "name": policy.name,
        "version": policy.version,
        "mode": policy.mode,
        "default_action": policy.default_action,
        "rules": [rule.as_json() for rule in policy.rules],
        "created_at": found.created_at,
    }
    return dict(PolicyShape(shown).data)


def _told(found: StoredPolicy, status: int = 200) -> Response:
    headers = {"ETag": etag(found.policy.version)}
    if status == 201:
        headers["Location"] = f"/v1/pii_policies/{found.id}"
    return Response(_body(found), status=status, headers=headers)


class PiiPolicies(Endpoint):
    """The tenant's PII policies, each in its version in force."""

    acts = {"GET": "policy.read", "POST": "config.change"}
    requests = {"POST": PolicyBody}
    queries = {"GET": ListQuery}
    answers = {"GET": {200: page_of(PolicyShape)}, "POST": {201: PolicyShape}}
    operations = {"GET": "list_pii_policies", "POST": "create_pii_policy"}

    def get(self, request: Request) -> Response:
        """List the policies."""
        pages = pager("pii_policies", self.query)
        with tenant_transaction():
            page = pages.page(policies_in_force(), lambda row: _body(stored(row)), order="policy_id")
        return Response(page.body())

    def post(self, request: Request) -> Response:
        """Make a policy."""
        fields = self.fields()
        made, _ = create_pii_policy(self.principal, name=fields["name"], terms=_terms(fields))
        return _told(made, 201)

    def replay(self, request: Request, done: Done) -> Response:
        return _told(stored_policy(done.resource_id), 201)


class OnePiiPolicy(Endpoint):
    """One PII policy."""

    acts = {"GET": "policy.read", "PUT": "config.change"}
    requests = {"PUT": PolicyBody}
    answers = {"GET": {200: PolicyShape}, "PUT": {200: PolicyShape}}
    operations = {"GET": "get_pii_policy", "PUT": "replace_pii_policy"}

    def get(self, request: Request, id: UUID) -> Response:
        """Read the version in force."""
        return _told(stored_policy(id))

    def put(self, request: Request, id: UUID) -> Response:
        """Put a new version in force."""
        fields = self.fields()
        tag, name = if_match(request), fields["name"]
        made, _ = replace_pii_policy(self.principal, policy_id=id, if_match=tag, name=name, terms=_terms(fields))
        return _told(made)

"""`/v1/pii_policies`: made, read, replaced by new versions, never changed."""

from uuid import uuid4

import pytest
from django.db import connections
from django.db.utils import Error as DatabaseError

from foundation.kernel.problems import Validation
from foundation.kernel.scope import tenant_scope, tenant_transaction
from guard.models import PiiPolicyVersion
from guard.pii.entities import Entity
from guard.pii.policy import DEFAULT, Action
from guard.selectors import pii_policy
from tests.tenants.conftest import Api

BODY = {
    "name": "support",
    "mode": "balanced",
    "default_action": "pseudonymise",
    "rules": [{"entity": "PERSON", "path": "/content", "action": "pseudonymise", "reveal_to": ["agent"]}],
}


def tenant_api(name):
    from tenants.services.create_tenant import create_tenant

    made = create_tenant(name=name)
    api = Api(made.api_key)
    api.tenant_id = made.key.tenant_id
    return api


@pytest.fixture
def api(django_db_setup):
    return tenant_api("Acme")


@pytest.fixture
def neighbour(django_db_setup):
    return tenant_api("Neighbour")


@pytest.fixture
def made(api):
    told = api.post("/v1/pii_policies", BODY)
    assert told.status_code == 201, told.content
    return told


def put(api, id, body, tag):
    return api.call("PUT", f"/v1/pii_policies/{id}", body, If_Match=tag)


def pointers(told):
    return {error["pointer"] for error in told.json()["errors"]}


def test_a_policy_is_made_and_read_as_the_contract_shows(api, made):
    body = made.json()
    assert {key: body[key] for key in BODY} == BODY
    assert body["version"] == 1
    assert set(body) == {*BODY, "id", "version", "created_at"}
    assert made["ETag"] == '"v1-0"'
    read = api.get(made["Location"])
    assert (read.status_code, read.json(), read["ETag"]) == (200, body, made["ETag"])


def test_a_policy_without_terms_is_strict_and_pseudonymises(api):
    body = api.post("/v1/pii_policies", {"name": "plain"}).json()
    assert (body["mode"], body["default_action"], body["rules"]) == ("strict", "pseudonymise", [])


def test_a_replacement_is_a_new_version_and_the_old_one_stays(api, made):
    id = made.json()["id"]
    told = put(api, id, BODY | {"mode": "strict", "rules": []}, made["ETag"])
    assert (told.status_code, told.json()["version"], told.json()["mode"]) == (200, 2, "strict")
    assert api.get(made["Location"]).json() == told.json()
    with tenant_scope(api.tenant_id), tenant_transaction():
        versions = PiiPolicyVersion.objects.filter(policy_id=id).order_by("number")
        assert [(version.number, version.mode) for version in versions] == [(1, "balanced"), (2, "strict")]


def test_a_replacement_needs_the_state_that_was_read(api, made):
    id = made.json()["id"]
    assert api.call("PUT", f"/v1/pii_policies/{id}", BODY).status_code == 428
    assert put(api, id, BODY, made["ETag"]).status_code == 200
    assert put(api, id, BODY, made["ETag"]).status_code == 412


def test_policies_are_listed_in_their_version_in_force(api, made):
    put(api, made.json()["id"], BODY | {"default_action": "redact"}, made["ETag"])
    api.post("/v1/pii_policies", {"name": "other"})
    listed = api.get("/v1/pii_policies").json()
    assert [(each["name"], each["version"]) for each in listed["data"]] == [("support", 2), ("other", 1)]
    page = api.get("/v1/pii_policies?limit=1").json()
    assert page["has_more"]
    rest = api.get(f"/v1/pii_policies?limit=1&cursor={page['next_cursor']}").json()
    assert [each["name"] for each in page["data"] + rest["data"]] == ["support", "other"]


def test_a_request_sent_again_makes_no_second_policy(api):
    first = api.post("/v1/pii_policies", BODY, Idempotency_Key="k1")
    again = api.post("/v1/pii_policies", BODY, Idempotency_Key="k1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotency-Replayed"] == "true"


def test_a_name_is_given_once_and_kept(api, made):
    assert pointers(api.post("/v1/pii_policies", BODY)) == {"/name"}
    told = put(api, made.json()["id"], BODY | {"name": "renamed"}, made["ETag"])
    assert (told.status_code, pointers(told)) == (422, {"/name"})


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        ({"action": "burn"}, "/rules/0/action"),
        ({"action": "keep", "entity": "SHOE_SIZE"}, "/rules/0/entity"),
        ({"action": "keep", "path": "content"}, "/rules/0/path"),
        ({"action": "keep", "path": "/a b"}, "/rules/0/path"),
        ({"action": "keep", "what": 1}, "/rules/0/what"),
        ({"action": "redact", "reveal_to": ["agent"]}, "/rules/0/reveal_to"),
        ({"action": "pseudonymise", "reveal_to": ["king"]}, "/rules/0/reveal_to/0"),
        ({"action": "keep", "entity": "SECRET"}, "/rules/0/action"),
        ({"action": "pseudonymise", "entity": "SECRET"}, "/rules/0/action"),
    ],
)
def test_rules_that_could_not_hold_are_refused(api, rule, pointer):
    told = api.post("/v1/pii_policies", {"name": "bad", "rules": [rule]})
    assert (told.status_code, pointers(told)) == (422, {pointer})


def test_two_rules_for_one_thing_are_refused(api):
    rules = [{"entity": "PHONE", "action": "mask"}, {"entity": "PHONE", "action": "redact"}]
    assert pointers(api.post("/v1/pii_policies", {"name": "bad", "rules": rules})) == {"/rules/1"}


def test_another_tenants_policy_is_not_there(api, neighbour, made):
    assert neighbour.get(made["Location"]).status_code == 404
    assert put(neighbour, made.json()["id"], BODY, made["ETag"]).status_code == 404
    assert neighbour.get("/v1/pii_policies").json()["data"] == []
    assert neighbour.post("/v1/pii_policies", BODY).status_code == 201


def test_who_may_not_change_the_configuration_may_not_make_policies(api):
    key = api.post("/v1/api_keys", {"role": "auditor", "name": "auditor"}).json()["api_key"]
    auditor = Api(key)
    assert auditor.get("/v1/pii_policies").status_code == 200
    assert auditor.post("/v1/pii_policies", BODY).status_code == 403


def test_the_policy_in_force_is_what_the_redactor_is_given(api, made):
    with tenant_scope(api.tenant_id):
        policy = pii_policy(made.json()["id"])
        assert policy.ref == "support@1"
        assert policy.action(Entity.PERSON, "/content") is Action.PSEUDONYMISE
        assert policy.reveals(Entity.PERSON, "/content", "agent")
        assert pii_policy(None) is DEFAULT


def test_a_policy_that_is_not_there_is_a_wrong_field(tenant):
    with pytest.raises(Validation) as caught:
        pii_policy(uuid4())
    assert [error.pointer for error in caught.value.errors] == ["/pii_policy_id"]


def test_a_version_cannot_be_changed_by_the_application(api, made):
    with tenant_scope(api.tenant_id), pytest.raises(DatabaseError), tenant_transaction():
        PiiPolicyVersion.objects.filter(policy_id=made.json()["id"]).update(mode="strict")
    connections["default"].close()

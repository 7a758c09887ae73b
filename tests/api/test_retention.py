"""`/v1/retention_policies`: made, named by a space, replaced by new versions, simulated; and a delete that is refused."""

from __future__ import annotations

from uuid import uuid4

from tests.api.builders import Api

BODY = {
    "name": "seven years",
    "rules": [
        {"kind": "vault", "label": None, "space": None, "minimum": "P7Y", "maximum": "P10Y"},
        {"kind": None, "label": "sensitivity:high", "space": None, "minimum": None, "maximum": "P90D"},
    ],
}


def made(world, **changes):
    answer = world.admin.post("/v1/retention_policies", BODY | changes)
    assert answer.status == 201, answer.text
    return answer


def named(world, policy):
    space = world.admin.get(f"/v1/spaces/{world.space}")
    changed = world.admin("PATCH", f"/v1/spaces/{world.space}", policy, If_Match=space.headers["ETag"])
    assert changed.status == 200, changed.text
    return changed.json


def test_a_policy_is_made_and_read(here):
    answer = made(here)
    body = answer.json
    assert {name: body[name] for name in BODY} == BODY
    assert (body["version"], body["spaces"], answer.headers["ETag"]) == (1, [], '"v1-0"')
    assert set(body) == {*BODY, "id", "version", "spaces", "created_at"}
    read = here.roles["auditor"].get(answer.headers["Location"])
    assert (read.status, read.json) == (200, body)
    assert here.admin.get("/v1/retention_policies").json["data"] == [body]


def test_a_replacement_is_a_version_and_keeps_the_name(here):
    first = made(here)
    path, tag = first.headers["Location"], first.headers["ETag"]
    told = here.admin("PUT", path, BODY | {"rules": []}, If_Match=tag)
    assert (told.status, told.json["version"], told.json["rules"]) == (200, 2, [])
    assert here.admin("PUT", path, BODY, If_Match=tag).problem == "version-conflict"
    assert here.admin("PUT", path, BODY).problem == "precondition-required"
    assert here.admin("PUT", path, BODY | {"name": "other"}, If_Match=told.headers["ETag"]).problem == "validation"
    assert here.admin.post("/v1/retention_policies", BODY).json["errors"][0]["code"] == "taken"


def test_ages_are_answered_as_they_were_understood_and_others_refused(here):
    body = made(here, rules=[{"maximum": "P18M"}]).json
    assert body["rules"] == [{"kind": None, "label": None, "space": None, "minimum": None, "maximum": "P1Y6M"}]
    for age in ("P0D", "90 days", "P200Y", 90, ""):
        refused = here.admin.post("/v1/retention_policies", {"name": "n", "rules": [{"maximum": age}]})
        assert (age, refused.status) == (age, 422)
        assert refused.json["errors"][0]["pointer"] == "/rules/0/maximum"


def test_a_space_names_a_policy_and_a_delete_within_the_minimum_is_refused(here, there):
    policy = made(here, rules=[{"minimum": "P7Y"}]).json["id"]
    assert named(here, {"retention_policy_id": policy})["retention_policy_id"] == policy
    assert here.admin.get(f"/v1/retention_policies/{policy}").json["spaces"] == [here.space]
    memory = here.memory("Kept.")
    etag = here.agent.get(f"/v1/memories/{memory['id']}").headers["ETag"]
    refused = here.agent("DELETE", f"/v1/memories/{memory['id']}", If_Match=etag)
    assert (refused.status, refused.problem) == (409, "minimum-retention")
    assert refused.json["retention_policy_id"] == policy
    assert "retained_until" in refused.json
    foreign = there.admin.get(f"/v1/spaces/{there.space}").headers["ETag"]
    for unknown in (policy, str(uuid4())):
        answer = there.admin("PATCH", f"/v1/spaces/{there.space}", {"retention_policy_id": unknown}, If_Match=foreign)
        assert (answer.status, answer.json["errors"][0]["code"]) == (422, "unknown")


def test_a_plan_counts_what_is_exempted(here):
    named(here, {"retention_policy_id": made(here, rules=[{"minimum": "P7Y"}]).json["id"]})
    memory = here.memory("Kept.")
    body = {"select": {"ids": [memory["id"]]}, "basis": "other", "reason": "r", "dry_run": True}
    assert here.officer.post("/v1/erasure_requests", body).json["counts"]["exempted"] == 1


def test_the_sweeps_own_basis_is_nobody_elses(here):
    body = {"subject": "crm:1", "basis": "retention", "reason": "r"}
    assert here.officer.post("/v1/erasure_requests", body).status == 422


def test_a_simulation_counts_and_names_no_content(here):
    memory = here.memory("The red kettle.", subjects=["crm:1"])
    draft = {"rules": [{"maximum": "P20D"}, {"kind": "semantic", "minimum": "P1Y"}], "spaces": [here.space]}
    answer = here.roles["auditor"].post("/v1/retention_policies:simulate", draft)
    assert answer.status == 200, answer.text
    body = answer.json
    assert (body["examined"], body["erased"], body["days"]) == (1, 1, [{"day": 20, "records": 1}])
    assert (body["samples"][0]["id"], body["samples"][0]["kept_by"]) == (memory["id"], None)
    assert "kettle" not in answer.text
    assert here.admin.post("/v1/retention_policies:simulate", draft | {"days": 19}).json["erased"] == 0
    path = made(here).headers["Location"]
    assert here.admin.post(f"{path}:simulate", {}).json["examined"] == 0  # no space names it
    assert here.admin.post(f"{path}:simulate", draft).json["erased"] == 1
    for wrong in ({}, draft | {"days": 366}, draft | {"rules": [{}]}, draft | {"spaces": []}):
        assert here.admin.post("/v1/retention_policies:simulate", wrong).status == 422


def test_a_simulation_reaches_no_foreign_space(here, there):
    draft = {"rules": [{"maximum": "P1D"}], "spaces": [there.space]}
    assert here.admin.post("/v1/retention_policies:simulate", draft).status == 404
    rule = {"maximum": "P1D", "space": there.space}
    refused = here.admin.post("/v1/retention_policies", {"name": "n", "rules": [rule]})
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/rules/0/space")


def test_who_reaches_one_of_a_policys_spaces_neither_replaces_it_nor_learns_of_the_others(here):
    elsewhere = here.admin.post("/v1/spaces", {"name": "elsewhere"}).json["id"]
    narrow = Api(here.new_key("admin", [here.space]))
    for kind, body in (("retention", BODY), ("pii", {"name": "own"})):
        policy = here.admin.post(f"/v1/{kind}_policies", body).json["id"]
        path = f"/v1/{kind}_policies/{policy}"
        named(here, {f"{kind}_policy_id": policy})
        assert narrow("PUT", path, body, If_Match='"v1-0"').status == 200  # it names no space but his own
        match = here.admin.get(f"/v1/spaces/{elsewhere}").headers["ETag"]
        here.admin("PATCH", f"/v1/spaces/{elsewhere}", {f"{kind}_policy_id": policy}, If_Match=match)
        assert narrow("PUT", path, body, If_Match='"v2-0"').problem == "policy-denied"
        assert elsewhere not in narrow.get(path).text + narrow.get(f"/v1/{kind}_policies").text
        assert here.admin("PUT", path, body, If_Match='"v2-0"').status == 200
    assert set(here.admin.get(f"/v1/retention_policies/{policy_of(here)}").json["spaces"]) == {here.space, elsewhere}


def policy_of(world):
    return world.admin.get(f"/v1/spaces/{world.space}").json["retention_policy_id"]

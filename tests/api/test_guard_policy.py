"""The guard's own doors over REST: a tenant's choices, the held queue grouped, feedback."""

import pytest

MOVED = "Records of patient 031-100{} moved to 029-100{}."


def choose(world, alpha, tag='"v0-0"', **more):
    return world.admin("PUT", "/v1/guard_policy", {"alpha": alpha, **more}, If_Match=tag)


def hold(world, number):
    content = MOVED.format(number, number)
    body = {"space": world.space, "content": content, "provenance": {"source": "wiki", "source_type": "document"}}
    answer = world.agent.post("/v1/memories", body)
    assert answer.status == 202, answer.text
    return answer.json


def test_a_tenant_that_chose_nothing_has_the_shipped_policy(here):
    asked = here.admin("GET", "/v1/guard_policy")
    shipped = {"version": 0, "alpha": 0.01, "optional_judge": False, "calibration": 0, "created_at": None}
    assert (asked.json, asked.headers["ETag"]) == (shipped, '"v0-0"')


def test_a_choice_is_a_version_and_judges_what_comes_next(here):
    chosen = choose(here, 0.05, optional_judge=True)
    assert (chosen.status, chosen.json["version"], chosen.json["alpha"]) == (200, 1, 0.05)
    assert chosen.json["receipt"]["event_id"]
    assert here.admin("GET", "/v1/guard_policy").json["optional_judge"] is True
    assert here.memory()["admission"]["policy"]["guard"] == "tenant@1"


def test_another_tenants_choice_changes_nothing_here(here, there):
    choose(there, 0.05)
    assert here.admin("GET", "/v1/guard_policy").json["version"] == 0


def test_a_choice_made_against_an_old_version_is_refused(here):
    choose(here, 0.05)
    assert choose(here, 0.02).problem == "version-conflict"
    assert here.admin("PUT", "/v1/guard_policy", {"alpha": 0.02}).problem == "precondition-required"
    assert choose(here, 0.02, '"v1-0"').json["version"] == 2


@pytest.mark.parametrize("alpha", [0, 0.5, -1, "0.05", True, None])
def test_an_alpha_out_of_reason_is_refused(here, alpha):
    assert choose(here, alpha).problem == "validation"


def test_only_an_admin_chooses_and_auditors_read(here):
    assert here.officer("PUT", "/v1/guard_policy", {"alpha": 0.05}, If_Match='"v0-0"').problem == "policy-denied"
    assert here.roles["auditor"].get("/v1/guard_policy").status == 200
    assert here.agent.get("/v1/guard_policy").problem == "policy-denied"


def test_an_incident_is_listed_and_rejected_as_one(here):
    held = [hold(here, number) for number in range(3)]
    listed = here.officer.get("/v1/incidents?state=open").json["data"]
    assert [(each["waiting"], each["sources"], each["refused"]) for each in listed] == [(3, 1, 0)]
    incident = listed[0]["id"]
    members = here.officer.get(f"/v1/admissions?incident={incident}").json["data"]
    assert {each["memory_id"] for each in members} == {each["id"] for each in held}
    assert {each["incident_id"] for each in members} == {incident}
    answer = here.officer.post(f"/v1/incidents/{incident}:reject", {"reason": "One redirect after the other."})
    assert (answer.status, answer.json["progress"]["total"]) == (202, 3)
    here.drain()
    assert here.officer.get(answer.headers["Location"]).json["state"] == "done"
    assert {here.officer.get(f"/v1/memories/{each['id']}").problem for each in held} == {"erased"}
    assert here.officer.get(f"/v1/incidents/{incident}").json["waiting"] == 0
    assert here.officer.post(f"/v1/incidents/{incident}:approve", {"reason": "No."}).problem == "already-decided"


def test_an_incident_answered_twice_under_one_key_is_decided_once(here):
    hold(here, 1)
    incident = here.officer.get("/v1/incidents").json["data"][0]["id"]
    path, body = f"/v1/incidents/{incident}:approve", {"reason": "Fine."}
    first, second = (here.officer.post(path, body, Idempotency_Key="k1") for _ in range(2))
    assert (first.status, second.status, first.json["id"]) == (202, 202, second.json["id"])


def test_too_many_open_holds_answer_429_with_a_time_to_come_back(here, settings):
    settings.GUARD_HOLDS_PER_SOURCE = 1
    hold(here, 1)
    body = {"space": here.space, "content": MOVED.format(2, 2), "provenance": {"source": "wiki"}}
    refused = here.agent.post("/v1/memories", body)
    assert (refused.status, refused.problem, refused.headers["Retry-After"]) == (429, "rate-limited", "3600")
    incident = refused.json["incident_id"]
    assert here.officer.get(f"/v1/incidents/{incident}").json["refused"] == 1


def test_feedback_is_taken_and_told_again_under_its_key(here):
    memory = here.memory()["id"]
    path = f"/v1/memories/{memory}:feedback"
    first, second = (here.agent.post(path, {"outcome": "success"}, Idempotency_Key="f1") for _ in range(2))
    assert (first.status, first.json["outcome"], second.json["outcome"]) == (200, "success", "success")
    assert here.agent.post(path, {"outcome": "meh"}).problem == "validation"
    assert here.officer.post(path, {"outcome": "success"}).problem == "policy-denied"

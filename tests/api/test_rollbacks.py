"""`/v1/rollbacks` as a client sees it: a plan, an approval, an execution, a report; and every way to be refused."""

from __future__ import annotations

import pytest

from foundation.kernel.ids import uuid7
from tests.api.builders import Api, World


@pytest.fixture
def world(django_db_setup, settings):
    settings.PII_REDACTOR, settings.EMBEDDER = "tests.governance.plain.MarkedRedactor", "hash"
    return World("rollbacks")


def planned(world, status=201, **select):
    answer = world.officer.post("/v1/rollbacks", {"select": select, "reason": "Compromised channel"})
    assert answer.status == status, answer.text
    return answer


def poisoned(world, number=0, **fields):
    return world.memory(f"Kettle {number} stands on the stove.", provenance={"source": "chat:8821"}, **fields)


def revised(world, memory, content):
    assert world.agent("PATCH", f"/v1/memories/{memory['id']}", {"content": content}, If_Match="*").status == 200
    world.drain()


def test_a_rollback_from_its_plan_to_its_report(world):
    bad, kept = poisoned(world), world.memory("The green lamp hangs in the hall.")
    plan = planned(world, source="chat:8821").json
    assert (plan["state"], plan["counts"]["withdrawn"], plan["approvals"]) == ("planned", 1, {"needed": 0, "given": []})
    assert plan["items"]["data"] == [
        {
            "id": bad["id"],
            "from_version": 1,
            "to_version": None,
            "action": "withdraw",
            "step": "planned",
            "event_id": None,
        }
    ]
    assert plan["receipt"]["event_id"] == plan["events"][0]
    assert "chat:8821" not in str(plan)
    assert world.officer.post(f"/v1/rollbacks/{plan['id']}:approve").status == 403
    assert world.admin.post(f"/v1/rollbacks/{plan['id']}:approve").json["state"] == "approved"
    started = world.officer.post(f"/v1/rollbacks/{plan['id']}:execute", {"expected_manifest": plan["manifest"]})
    assert (started.status, started.headers["Location"]) == (202, f"/v1/operations/{started.json['id']}")
    world.drain()
    assert world.officer.get(started.headers["Location"]).json["result"] == {"rollback_id": plan["id"]}
    told = world.officer.get(f"/v1/rollbacks/{plan['id']}").json
    assert (told["state"], told["report"]["withdrawn"], told["operation_id"]) == ("done", 1, started.json["id"])
    assert world.agent.get(f"/v1/memories/{bad['id']}").problem == "withdrawn"
    assert world.agent.get(f"/v1/memories/{kept['id']}").status == 200
    for event_id in [*told["events"], told["items"]["data"][0]["event_id"]]:
        assert world.officer.get(f"/v1/audit/proofs/{event_id}").status == 200
    assert [each["id"] for each in world.officer.get("/v1/rollbacks?state=done").json["data"]] == [plan["id"]]
    assert world.officer.get("/v1/rollbacks?state=planned").json["data"] == []
    assert [each["id"] for each in world.officer.get("/v1/operations?state=done").json["data"]] == [started.json["id"]]
    assert world.officer.get("/v1/operations?state=failed").json["data"] == []


def test_a_dry_run_is_kept_nowhere(world):
    poisoned(world)
    body = {"select": {"source": "chat:8821"}, "reason": "r", "dry_run": True}
    answer = world.officer.post("/v1/rollbacks", body)
    assert (answer.status, answer.json["id"], answer.json["receipt"]) == (200, None, None)
    assert answer.json["items"]["data"][0]["action"] == "withdraw"
    assert world.officer.get("/v1/rollbacks").json["data"] == []


def test_records_and_searches_are_told_page_by_page(world):
    for number in range(3):
        poisoned(world, number)
        world.agent.post("/v1/memories:search", {"query": "kettle"})
    plan = planned(world, source="chat:8821").json
    for of, seen in (("items", "id"), ("retrievals", "id")):
        first = world.officer.get(f"/v1/rollbacks/{plan['id']}/{of}?limit=2").json
        rest = world.officer.get(f"/v1/rollbacks/{plan['id']}/{of}?limit=2&cursor={first['next_cursor']}").json
        ids = [each[seen] for each in (*first["data"], *rest["data"])]
        assert (len(set(ids)), first["has_more"], rest["has_more"]) == (3, True, False)
    assert plan["counts"]["retrievals"] == 3
    assert world.roles["auditor"].get(f"/v1/rollbacks/{plan['id']}/retrievals").status == 200
    foreign = world.officer.get(f"/v1/rollbacks/{plan['id']}/retrievals?cursor={first['next_cursor']}x")
    assert foreign.status == 422


def test_a_space_is_rolled_back_to_a_time(world):
    memory = world.memory("Kettle 1 stands on the stove.")
    since = world.memory("The green lamp hangs in the hall.")["recorded_at"]
    revised(world, memory, "Kettle 1 stands in the cellar.")
    plan = world.officer.post(f"/v1/spaces/{world.space}:rollback", {"since": since, "reason": "r"})
    assert (plan.status, plan.json["select"]["space"]) == (201, world.space)
    assert (plan.json["counts"]["restored"], plan.json["counts"]["withdrawn"]) == (1, 1)
    world.officer.post(f"/v1/rollbacks/{plan.json['id']}:execute", {"expected_manifest": plan.json["manifest"]})
    world.drain()
    assert world.agent.get(f"/v1/memories/{memory['id']}").json["content"] == "Kettle 1 stands on the stove."


def test_the_same_request_again_is_the_same_plan_and_the_same_operation(world):
    poisoned(world)
    body = {"select": {"source": "chat:8821"}, "reason": "r"}
    first, again = (world.officer.post("/v1/rollbacks", body, Idempotency_Key="once") for _ in range(2))
    assert (first.json["id"], first.status) == (again.json["id"], again.status)
    manifest = {"expected_manifest": first.json["manifest"]}
    path = f"/v1/rollbacks/{first.json['id']}:execute"
    one, other = (world.officer.post(path, manifest, Idempotency_Key="run") for _ in range(2))
    assert (one.json["id"], one.status, other.status) == (other.json["id"], 202, 202)
    assert world.officer.post(path, manifest).problem == "already-decided"
    world.drain()


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, {"/select", "/reason"}),
        ({"select": {}, "reason": "r"}, {"/select"}),
        ({"select": {"source": None, "ids": []}, "reason": "r"}, {"/select"}),
        ({"select": {"source": ""}, "reason": "r"}, {"/select/source"}),
        ({"select": {"since": "yesterday"}, "reason": "r"}, {"/select/since"}),
        ({"select": {"space": 7, "principal": "x"}, "reason": "r"}, {"/select/space", "/select/principal"}),
        ({"select": {"ids": ["x"]}, "reason": "r"}, {"/select/ids/0"}),
        ({"select": {"source": "a", "until": "b"}, "reason": "r"}, {"/select/until"}),
        ({"select": {"source": "a"}, "reason": ""}, {"/reason"}),
        ({"select": {"source": "a"}, "reason": "r", "dry_run": "yes"}, {"/dry_run"}),
    ],
)
def test_a_wrong_body_is_told_field_by_field(world, body, pointers):
    answer = world.officer.post("/v1/rollbacks", body)
    assert (answer.status, answer.problem) == (422, "validation")
    assert {each["pointer"] for each in answer.json["errors"]} == pointers


def test_what_is_not_there_has_changed_or_has_another_manifest_is_a_problem(world):
    poisoned(world)
    for select in ({"ids": [str(uuid7())]}, {"space": str(uuid7())}):
        assert planned(world, 404, **select).problem == "not-found"
    plan = planned(world, source="chat:8821").json
    path = f"/v1/rollbacks/{plan['id']}:execute"
    assert world.officer.post(path, {"expected_manifest": "sha256:" + "0" * 64}).problem == "manifest-changed"
    assert world.officer.post(path, {"expected_manifest": "md5:0"}).status == 422
    assert world.officer.get("/v1/rollbacks?state=whim").status == 422
    poisoned(world, 1)
    assert world.officer.post(path, {"expected_manifest": plan["manifest"]}).problem == "manifest-changed"


def test_a_narrow_credential_is_told_that_it_reaches_beyond(world):
    poisoned(world)
    elsewhere = world.admin.post("/v1/spaces", {"name": "elsewhere"}).json["id"]
    narrow = Api(world.new_key("compliance", [elsewhere]))
    answer = narrow.post("/v1/rollbacks", {"select": {"source": "chat:8821"}, "reason": "r"})
    assert (answer.status, answer.problem) == (403, "policy-denied")

"""The core calls over REST, with the bodies of the contract."""

import pytest

MEMORY = {
    "content": "{{Ana Diaz}} prefers the aisle seat.",
    "kind": "semantic",
    "subjects": ["crm:4711"],
    "provenance": {
        "source": "chat:8821",
        "source_type": "conversation",
        "actor": "support-bot",
        "session": "s-17",
        "position": 4,
        "speaker": "user",
        "parents": [],
    },
    "episode": None,
    "labels": ["sensitivity:internal"],
    "valid_from": "2026-11-20T00:00:00Z",
    "valid_to": None,
    "ttl": None,
    "metadata": {"channel": "web"},
}
FIELDS = ["id", "version", "space", "state", "standing", "kind", "payload_type", "content", "subjects", "labels", "metadata", "valid_from", "valid_to", "recorded_at", "expires_at", "episode", "provenance", "admission", "receipt"]  # fmt: skip


def test_a_memory_is_admitted_read_revised_and_withdrawn(here):
    made = here.agent.post("/v1/memories", MEMORY | {"space": here.space})
    assert (made.status, made.headers["ETag"], list(made.json)) == (201, '"v1-1"', FIELDS)
    assert made.headers["Location"] == f"/v1/memories/{made.json['id']}"
    assert made.json["content"] == MEMORY["content"]  # an agent is given the names it wrote
    assert here.admin.get(f"/v1/memories/{made.json['id']}").json["content"].startswith("<PERSON_")
    assert list(made.json["provenance"]) == [
        "source",
        "source_type",
        "actor",
        "principal_id",
        "session",
        "position",
        "speaker",
        "parents",
    ]
    assert list(made.json["receipt"]) == ["event_id", "leaf_hash", "origin", "promise_by", "signature"]
    assert {"id", "decision", "reasons", "signals", "redactions", "policy"} == set(made.json["admission"])
    path = f"/v1/memories/{made.json['id']}"
    read = here.agent.get(path)
    assert (read.status, read.json["content"], read.headers["ETag"]) == (200, made.json["content"], '"v1-1"')
    assert read.json["usage"] == {"reads": 0, "last_read_at": None, "confirmed": 0, "refuted": 0, "strength": 1.0}
    changed = here.agent("PATCH", path, {"content": "The aisle seat is gone.", "reason": "moved"}, If_Match='"v1-1"')
    assert (changed.status, changed.json["version"], changed.headers["ETag"]) == (200, 2, '"v2-2"')
    assert [each["state"] for each in here.agent.get(f"{path}/versions").json["data"]] == ["superseded", "current"]
    gone = here.agent("DELETE", path, If_Match='"v2-2"')
    assert (gone.status, gone.json["state"]) == (200, "withdrawn")
    assert here.agent.get(path).problem == "withdrawn"
    assert here.agent.get(path).status == 410


def test_preconditions_are_demanded_and_checked(here):
    made = here.memory()
    path = f"/v1/memories/{made['id']}"
    assert here.agent("PATCH", path, {"labels": []}).problem == "precondition-required"
    assert here.agent("PATCH", path, {"labels": []}, If_Match='"v9-9"').problem == "version-conflict"
    assert here.agent("DELETE", path).status == 428


def test_search_answers_with_the_contracts_hits_and_a_receipt(here):
    made = here.memory("The aisle seat is what she likes.", kind="semantic", subjects=["crm:4711"])
    body = {
        "query": "Which seat does she like?",
        "spaces": [],
        "k": 5,
        "filters": {"kinds": ["semantic"], "labels": [], "subjects": ["crm:4711"]},
        "as_of": None,
        "known_at": None,
        "explain": True,
    }
    found = here.agent.post("/v1/memories:search", body)
    assert found.status == 200
    (hit,) = found.json["data"]
    assert list(hit) == [
        "id",
        "version",
        "space",
        "kind",
        "content",
        "score",
        "standing",
        "trust",
        "disputed_by",
        "provenance",
        "why",
    ]
    assert (hit["id"], set(hit["why"])) == (made["id"], {"lexical", "dense", "fused", "priors"})
    receipt = here.roles["auditor"].get(f"/v1/retrievals/{found.json['receipt']['id']}")
    assert receipt.json["hits"] == [{"id": made["id"], "version": 1, "rank": 1, "standing": hit["standing"]}]
    assert here.officer.get(f"/v1/retrievals/{found.json['receipt']['id']}").json["withheld"] is None


def test_a_search_answers_with_the_turns_around_each_hit_where_it_is_asked_to(here):
    for position, text in enumerate(("Did you hear?", "The violin is sold.", "To whom?")):
        here.memory(text, provenance={"source": "chat:1", "session": "s-1", "position": position})
    (plain,) = here.agent.post("/v1/memories:search", {"query": "violin", "k": 1}).json["data"]
    found = here.agent.post("/v1/memories:search", {"query": "violin", "k": 1, "context": 1, "explain": True}).json
    (hit,) = found["data"]
    assert [each["content"] for each in hit["context"]] == ["Did you hear?", "To whom?"]
    assert set(plain) - set(hit["context"][0]) == {"score", "why"}
    assert set(hit) - set(plain) == {"context"}
    receipt = here.roles["auditor"].get(f"/v1/retrievals/{found['receipt']['id']}").json
    assert [each.get("as") for each in receipt["hits"]] == [None, "context", "context"]
    assert here.agent.post("/v1/memories:search", {"query": "violin", "context": 6}).problem == "validation"


def test_a_batch_answers_item_by_item(here):
    items = [{"space": here.space, "content": "One."}, {"space": here.space}, {"space": here.space, "content": "Two."}]
    answer = here.agent.post("/v1/memories:batch_create", {"memories": items})
    assert (answer.status, [each["status"] for each in answer.json["data"]]) == (207, [201, 422, 201])
    assert answer.json["data"][1]["problem"]["errors"][0]["pointer"] == "/content"


def test_the_same_request_twice_has_one_effect(here):
    body = {"space": here.space, "content": "Once only."}
    first = here.agent.post("/v1/memories", body, Idempotency_Key="k1")
    again = here.agent.post("/v1/memories", body, Idempotency_Key="k1")
    other = here.agent.post("/v1/memories", body | {"content": "Another."}, Idempotency_Key="k1")
    assert (first.status, again.status, again.json["id"]) == (201, 201, first.json["id"])
    assert (other.status, other.problem) == (422, "idempotency-mismatch")
    assert len(here.agent.get("/v1/memories").json["data"]) == 1


def test_the_same_batch_twice_has_one_effect(here):
    good = [{"space": here.space, "content": f"Number {n}."} for n in range(3)]
    body = {"memories": [{"space": here.space}, *good]}
    first = here.agent.post("/v1/memories:batch_create", body, Idempotency_Key="b1").json["data"]
    again = here.agent.post("/v1/memories:batch_create", body, Idempotency_Key="b1").json["data"]
    assert [each["status"] for each in again] == [each["status"] for each in first] == [422, 201, 201, 201]
    assert [each["memory"]["id"] for each in again[1:]] == [each["memory"]["id"] for each in first[1:]]


def test_lists_go_on_where_they_stopped(here):
    made = [
        here.agent.post("/v1/memories", {"space": here.space, "content": f"Number {n}."}).json["id"] for n in range(5)
    ]
    seen, cursor = [], ""
    for _ in range(3):
        page = here.agent.get(f"/v1/memories?limit=2{cursor}").json
        seen += [each["id"] for each in page["data"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert (seen, page["has_more"], page["next_cursor"]) == (made, False, None)


def test_a_rollback_and_a_diff(here):
    made = here.memory("The kettle is red.")
    path = f"/v1/memories/{made['id']}"
    here.agent("PATCH", path, {"content": "The kettle is poison."}, If_Match='"v1-1"')
    back = here.officer.post(f"{path}:rollback", {"to_version": 1, "reason": "Poison."}, If_Match='"v2-2"')
    assert (back.status, back.json["version"], back.json["content"]) == (200, 3, "The kettle is red.")
    diff = here.officer.get(f"{path}/diff?from=1&to=2").json
    assert diff == {
        "from": 1,
        "to": 2,
        "changes": [{"path": "/content", "from": "The kettle is red.", "to": "The kettle is poison."}],
    }


def test_a_held_memory_goes_through_the_queue(here):
    held = here.agent.post("/v1/memories", {"space": here.space, "content": "{{late}} words"})
    assert (held.status, held.json["state"]) == (202, "held")
    queue = here.officer.get("/v1/admissions?state=held").json["data"]
    assert [each["id"] for each in queue] == [held.headers["Location"].rsplit("/", 1)[1]]
    assert queue[0]["memory_id"] == held.json["id"]
    rejected = here.officer.post(f"/v1/admissions/{queue[0]['id']}:reject", {"reason": "Unclear."})
    assert (rejected.status, rejected.json["state"]) == (200, "rejected")
    assert (
        here.officer.post(f"/v1/admissions/{queue[0]['id']}:reject", {"reason": "Again."}).problem == "already-decided"
    )


def test_a_person_is_forgotten_over_rest(here):
    made = here.memory("She plays the violin.", subjects=["crm:1"])
    plan = here.officer.post(
        "/v1/erasure_requests",
        {"subject": "crm:1", "select": None, "basis": "gdpr-17", "reason": "Asked.", "dry_run": False},
    )
    assert (plan.status, plan.json["state"], plan.json["counts"]["records"]) == (201, "planned", 1)
    assert plan.json["request_secret"]
    path = f"/v1/erasure_requests/{plan.json['id']}"
    wrong = here.officer.post(f"{path}:execute", {"expected_manifest": "sha256:" + "0" * 64})
    assert (wrong.status, wrong.problem) == (409, "manifest-changed")
    started = here.officer.post(f"{path}:execute", {"expected_manifest": plan.json["manifest"]})
    assert started.status == 202
    here.drain()
    assert here.officer.get(started.headers["Location"]).json["state"] == "done"
    done = here.officer.get(path).json
    assert (done["state"], done["assurance"], done["index_assurance"]) == ("done", "A2", "A0")
    certificate = here.roles["auditor"].get(f"/v1/erasure_certificates/{done['certificate_id']}")
    assert (certificate.status, certificate.json["certificate"]["erased"]) == (200, 1)
    gone = here.agent.get(f"/v1/memories/{made['id']}")
    assert (gone.status, gone.problem) == (410, "erased")
    assert here.agent.post("/v1/memories:search", {"query": "violin"}).json["data"] == []


def test_a_hold_answers_409_and_names_itself(here):
    made = here.memory(subjects=["crm:1"])
    hold = here.officer.post(
        "/v1/legal_holds",
        {
            "name": "Case 12-034",
            "select": {"subject": "crm:1", "space": None, "ids": []},
            "custodians": [],
            "basis": "litigation",
        },
    )
    assert (hold.status, hold.json["records"], hold.json["name"]) == (201, 1, "Case 12-034")
    refused = here.agent("DELETE", f"/v1/memories/{made['id']}", If_Match="*")
    assert (refused.status, refused.problem, refused.json["hold_ids"]) == (409, "legal-hold", [hold.json["id"]])
    freed = here.officer.post(f"/v1/legal_holds/{hold.json['id']}:release", {"reason": "Closed."})
    assert (freed.status, freed.json["state"]) == (200, "released")


def test_every_act_is_in_the_log_with_a_proof(here):
    made = here.memory()
    here.agent.get(f"/v1/memories/{made['id']}")
    here.agent.post("/v1/memories:search", {"query": "kettle"})
    here.roles["reader"].post("/v1/memories", {"space": here.space, "content": "No."})
    here.drain()
    acts = [each["act"] for each in here.roles["auditor"].get("/v1/audit/events").json["data"]]
    assert {"memory.admit", "memory.read", "memory.search", "auth.deny", "space.create", "key.create"} <= set(acts)
    proof = here.roles["auditor"].get(f"/v1/audit/proofs/{made['receipt']['event_id']}")
    assert proof.status == 200
    assert proof.json["leaf_hash"] == made["receipt"]["leaf_hash"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"content": ""}, "/content"),
        ({"content": 5}, "/content"),
        ({"content": "x" * 70_000}, "/content"),
        ({"kind": "odd"}, "/kind"),
        ({"labels": ["no label"]}, "/labels/0"),
        ({"labels": ["acl:nobody"]}, "/labels/0"),
        ({"colour": "red"}, "/colour"),
        ({"metadata": {"a": 1.5}}, "/metadata"),
        ({"valid_from": "yesterday"}, "/valid_from"),
        ({"valid_from": "2026-01-02T00:00:00Z", "valid_to": "2026-01-01T00:00:00Z"}, "/valid_to"),
        ({"provenance": {"source": "a", "parents": [["x", 1]]}}, "/provenance/parents/0"),
        ({"provenance": {"source": "a", "source_type": "derived"}}, "/provenance/parents"),
        ({"ttl": "soon"}, "/ttl"),
        ({"subjects": ["a", "a"]}, "/subjects"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(here, change, pointer):
    answer = here.agent.post("/v1/memories", {"space": here.space, "content": "Fine."} | change)
    assert (answer.status, answer.problem) == (422, "validation")
    assert pointer in [error["pointer"] for error in answer.json["errors"]]
    assert here.agent.get("/v1/memories").json["data"] == []


@pytest.mark.parametrize(
    "body", [b"{", b'{"content": "\\ud800"}', b'{"content": "\\u0000"}', b"[" * 5000, b'{"a": 1, "a": 2}', b"\xff\xfe"]
)
def test_what_is_not_json_is_malformed(here, body):
    answer = here.agent("POST", "/v1/memories", body)
    assert answer.status in (400, 422)
    assert answer.problem in ("malformed", "validation")
    assert "Traceback" not in answer.text


def test_a_body_of_a_megabyte_and_more_is_too_large(here):
    answer = here.agent("POST", "/v1/memories", b'{"content": "' + b"x" * (1024 * 1024 + 10) + b'"}')
    assert (answer.status, answer.problem) == (413, "too-large")

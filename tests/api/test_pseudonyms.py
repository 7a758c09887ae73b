"""Tokens and values over REST: who sees which, one value for a reason, and what a draft policy would do."""

from guard.pii.pseudonyms import TOKEN

BODY = {"content": "{{Ana}} sits with {{Bob}}.", "metadata": {"friend": "{{Cleo}}"}, "provenance": {"source": "chat:1", "speaker": "{{Ana}}"}}  # fmt: skip


def made(here, **fields):
    return here.memory(**BODY | fields)


def token_in(text):
    return TOKEN.search(text)[0]


def test_agents_are_given_names_and_everybody_else_tokens_by_every_road(here):
    memory = made(here)
    path = f"/v1/memories/{memory['id']}"
    asked = {"query": "Who sits with {{Bob}}?"}
    for role in ("agent", "reader", "compliance", "admin"):
        api = here.roles[role]
        answers = [
            api.get(path),
            api.get(f"{path}/versions/1"),
            api.get("/v1/memories"),
            api.post("/v1/memories:search", asked),
        ]
        named = ["{{Ana}} sits with {{Bob}}." in answer.text for answer in answers]
        assert (role, named) == (role, [role == "agent"] * 4)
        if role != "agent":
            assert not any("Ana" in answer.text or "Cleo" in answer.text for answer in answers)
    assert memory["provenance"]["speaker"] == "{{Ana}}"
    assert memory["metadata"] == {"friend": "{{Cleo}}"}
    assert memory["admission"]["redactions"][0].keys() == {"type", "path", "start", "end", "action"}


def test_a_batch_is_answered_with_names(here):
    items = [{"space": here.space, "content": f"{{{{Ana}}}} is number {n}."} for n in range(3)]
    answer = here.agent.post("/v1/memories:batch_create", {"memories": items})
    assert [each["memory"]["content"] for each in answer.json["data"]] == [each["content"] for each in items]


def test_the_same_request_again_is_answered_the_same(here):
    body = BODY | {"space": here.space}
    first = here.agent.post("/v1/memories", body, Idempotency_Key="k1")
    again = here.agent.post("/v1/memories", body, Idempotency_Key="k1")
    assert again.json["content"] == first.json["content"] == BODY["content"]


def test_the_queue_and_the_log_show_no_name(here):
    held = here.agent.post("/v1/memories", {"space": here.space, "content": "{{late}}"})
    assert held.status == 202
    made(here)
    queue = here.officer.get("/v1/admissions")
    log = here.officer.get("/v1/audit/events")
    assert (queue.status, log.status) == (200, 200)
    assert "Ana" not in queue.text + log.text


def test_one_value_is_revealed_for_a_reason(here):
    memory = made(here)
    path = f"/v1/memories/{memory['id']}"
    token = token_in(here.officer.get(path).json["content"])
    told = here.officer.post(f"{path}:reveal", {"token": token, "reason": "Case 12"})
    assert list(told.json) == ["id", "version", "path", "type", "token", "value", "receipt"]
    assert told.json | {"receipt": 0} == {
        "id": memory["id"], "version": 1, "path": "/content", "type": "PERSON", "token": token, "value": "{{Ana}}",
        "receipt": 0,
    }  # fmt: skip
    assert told.headers["Cache-Control"] == "no-store"
    here.drain()
    events = here.officer.get("/v1/audit/events?act=memory.reveal").json["data"]
    assert [(each["id"], each["target"]["id"]) for each in events] == [(told.json["receipt"]["event_id"], memory["id"])]


def test_revealing_has_its_refusals(here):
    memory = made(here)
    path = f"/v1/memories/{memory['id']}:reveal"
    for role in ("agent", "reader", "auditor", "admin"):
        assert here.roles[role].post(path, {"token": "<PERSON_0123456789>", "reason": "r"}).problem == "policy-denied"
    unknown = here.officer.post(path, {"token": "<PERSON_0123456789>", "reason": "r"})
    assert (unknown.problem, unknown.json["errors"][0]["pointer"]) == ("validation", "/token")
    for body in ({"token": "<PERSON_0123456789>"}, {"reason": "r"}, {"token": "Ana", "reason": "r"}):
        assert here.officer.post(path, body).status == 422


def test_revealing_is_limited_and_says_when_to_come_again(here, settings):
    settings.REVEAL_RATE = (1, 1)
    path = f"/v1/memories/{made(here)['id']}:reveal"
    body = {"token": "<PERSON_0123456789>", "reason": "r"}
    assert here.officer.post(path, body).status == 422
    refused = here.officer.post(path, body)
    assert (refused.problem, refused.status, refused.headers["Retry-After"]) == ("rate-limited", 429, "60")


def counts(answer):
    assert answer.status == 200, answer.text
    found = {(each["entity"], each["now"], each["then"]): each["count"] for each in answer.json["entities"]}
    return {name: answer.json[name] for name in ("examined", "changed", "rejected", "irreversible")}, found


def test_a_draft_is_tried_on_what_was_admitted_and_says_only_how_many(here):
    made(here)
    here.memory("Nobody is here.")
    told, found = counts(here.admin.post("/v1/pii_policies:simulate", {"default_action": "redact"}))
    assert told == {"examined": 2, "changed": 1, "rejected": 0, "irreversible": 0}
    assert found == {("PERSON", "pseudonymise", "redact"): 4}
    told, found = counts(here.admin.post("/v1/pii_policies:simulate", {}))
    assert (told["changed"], found) == (0, {("PERSON", "pseudonymise", "pseudonymise"): 4})
    rules = [{"entity": "PERSON", "path": "/content", "action": "keep"}]
    told, found = counts(here.admin.post("/v1/pii_policies:simulate", {"rules": rules}))
    assert found == {("PERSON", "pseudonymise", "none"): 2, ("PERSON", "pseudonymise", "pseudonymise"): 2}


def test_a_draft_that_rejects_is_counted(here):
    made(here)
    rules = [{"entity": "PERSON", "action": "reject"}]
    told, found = counts(here.admin.post("/v1/pii_policies:simulate", {"rules": rules, "limit": 10}))
    assert (told["examined"], told["rejected"], found) == (1, 1, {})


def test_what_is_gone_is_counted_as_irreversible(here):
    policy = here.admin.post("/v1/pii_policies", {"name": "p", "default_action": "redact"}).json
    space = here.admin.post("/v1/spaces", {"name": "redacted", "pii_policy_id": policy["id"]}).json["id"]
    answer = here.admin.post("/v1/memories", BODY | {"space": space})
    assert (answer.status, answer.json["content"]) == (201, "<PERSON> sits with <PERSON>.")
    body = {"space": space, "default_action": "pseudonymise"}
    told, found = counts(here.admin.post(f"/v1/pii_policies/{policy['id']}:simulate", body))
    assert (told, found) == ({"examined": 1, "changed": 0, "rejected": 0, "irreversible": 4}, {})
    told, found = counts(here.admin.post(f"/v1/pii_policies/{policy['id']}:simulate", {"space": space}))
    assert told["irreversible"] == 0


def test_a_simulation_is_a_look_and_keeps_nothing(here):
    made(here)
    before = here.admin.get("/v1/memories").json["data"]
    answer = here.roles["auditor"].post("/v1/pii_policies:simulate", {"default_action": "redact"})
    assert (answer.status, "Ana" in answer.text) == (200, False)
    assert [each["content"] for each in here.admin.get("/v1/memories").json["data"]] == [
        each["content"] for each in before
    ]
    here.drain()
    events = here.officer.get("/v1/audit/events?act=policy.read").json["data"]
    assert answer.json["receipt"]["event_id"] in {each["id"] for each in events}


def test_a_simulation_refuses_what_a_policy_would(here):
    rules = [{"entity": "SECRET", "action": "keep"}]
    assert here.admin.post("/v1/pii_policies:simulate", {"rules": rules}).problem == "validation"
    assert here.admin.post("/v1/pii_policies:simulate", {"limit": 101}).status == 422
    assert here.agent.post("/v1/pii_policies:simulate", {}).problem == "policy-denied"

"""No readable text at rest: after everything the API can be told, before and after forgetting, and after failures."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.scanner import scan

WHERE = (
    "content",
    "question",
    "knowledge",
    "action",
    "outcome",
    "metadata",
    "subject",
    "source",
    "speaker",
    "actor",
    "session",
    "reason",
    "query",
    "holdname",
    "lesson",
    "planned",
    "person",
    "revealed",
)


@pytest.fixture(scope="module")
def canaries() -> dict[str, str]:
    """One word of random letters, no part of which is a word, for each place in which a client can write."""
    return {place: "".join(chr(97 + byte % 26) for byte in secrets.token_bytes(24)) for place in WHERE}


def everything(here, word: dict[str, str]) -> str:
    """Say every canary through the API, in ways that succeed, fail, and fail half-way; returns a memory's id."""
    provenance = {
        "source": word["source"],
        "speaker": word["speaker"],
        "actor": word["actor"],
        "session": word["session"],
    }
    episode = {part: f"About {word[part]}." for part in ("question", "knowledge", "action", "outcome")}
    body = {
        "content": f"She said {word['content']} to me.",
        "provenance": provenance,
        "subjects": [word["subject"]],
        "metadata": {"note": word["metadata"]},
    }
    made = here.memory(**body)
    here.agent.post("/v1/memories", body | {"space": here.space, "episode": episode}, Idempotency_Key="once")
    here.agent.post("/v1/memories", body | {"space": here.space, "content": "{{late}} " + word["content"]})
    here.agent.post("/v1/memories", body | {"space": here.space, "content": word["content"] + "\U000e0041"})
    here.agent.post("/v1/memories", body | {"space": here.space, "labels": [word["content"] + " "]})
    here.agent.post("/v1/memories", body | {"space": word["content"]})
    here.agent(
        "PATCH",
        f"/v1/memories/{made['id']}",
        {"content": f"Now {word['content']}.", "reason": word["reason"]},
        If_Match="*",
    )
    here.agent.post(
        "/v1/memories:search", {"query": f"What of {word['query']}?", "filters": {"subjects": [word["subject"]]}}
    )
    here.officer.post("/v1/legal_holds", {"name": word["holdname"], "select": {"subject": "nobody"}, "basis": "other"})
    say_names(here, word)
    teach(here, word, made["id"])
    here.drain()
    return made["id"]


def say_names(here, word: dict[str, str]) -> None:
    """Have a name put into the vault, put back in every way of reading, and revealed."""
    named = f"{{{{{word['person']}}}}} plays."
    made = here.memory(named, metadata={"friend": f"{{{{{word['person']}}}}}"}, subjects=[word["subject"]])
    path = f"/v1/memories/{made['id']}"
    assert made["content"] == here.agent.get(path).json["content"] == named
    here.agent("PATCH", path, {"content": f"{named} Often."}, If_Match="*")
    here.drain()
    found = here.agent.post("/v1/memories:search", {"query": f"What does {{{{{word['person']}}}}} play?"})
    assert word["person"] in found.text
    assert word["person"] in here.agent.get(f"{path}/diff?from=1&to=2").text
    token = here.officer.get(path).json["content"].split()[0]
    told = here.officer.post(f"{path}:reveal", {"token": token, "reason": f"Because {word['revealed']}."})
    assert told.json["value"] == f"{{{{{word['person']}}}}}"
    counted = here.admin.post("/v1/pii_policies:simulate", {"default_action": "redact"})
    assert (counted.status, word["person"] in counted.text) == (200, False)


def teach(here, word: dict[str, str], memory_id: str) -> None:
    """Have a lesson written, promoted, told before an act, and retired."""
    text = dict.fromkeys(("title", "when", "advice"), f"Of {word['lesson']}.")
    pattern = {"effect_class": "DELETE", "functions": [f"delete_{word['planned']}"]}
    about = {"space": here.space, "outcome": "failure", "pattern": pattern, "evidence": [[memory_id, 1]]}
    path = f"/v1/lessons/{here.officer.post('/v1/lessons', text | about).json['id']}"
    here.officer.post(f"{path}:promote")
    here.drain()
    asked = {"action": f"delete_{word['planned']}('x')", "context": word["planned"]}
    assert word["lesson"] in here.agent.post("/v1/guard:check", asked).text
    assert here.officer.post(f"{path}:retire", {"reason": word["reason"]}).status == 200


def fail_in_the_database(here, word: dict[str, str], monkeypatch) -> None:
    """A statement that carries what it must not, and fails: the server's log and errors must not repeat it."""
    from django.db import connections

    with pytest.raises(Exception, match="uuid"), connections["default"].cursor() as cursor:
        cursor.execute("SELECT %s::uuid", [word["content"]])
    with monkeypatch.context() as broken:
        broken.setattr("governance.services.admit.link_parents", lambda *_: 1 / 0)
        answer = here.agent.post(
            "/v1/memories", {"space": here.space, "content": word["content"], "metadata": {"n": word["metadata"]}}
        )
    assert (answer.status, word["content"] in answer.text) == (500, False)


def forget(here, word: dict[str, str]) -> None:
    body = {"subject": word["subject"], "basis": "gdpr-17", "reason": word["reason"]}
    plan = here.officer.post("/v1/erasure_requests", body)
    here.officer.post(f"/v1/erasure_requests/{plan.json['id']}:execute", {"expected_manifest": plan.json["manifest"]})
    here.drain()
    assert here.officer.get(f"/v1/erasure_requests/{plan.json['id']}").json["state"] == "done"


def settle(superuser) -> None:
    superuser.execute("CHECKPOINT")
    superuser.execute("SELECT pg_switch_wal()")


def test_no_canary_lies_anywhere_before_or_after_forgetting(here, cluster, superuser, canaries, monkeypatch):
    root = Path(cluster.directory.path)
    everything(here, canaries)
    fail_in_the_database(here, canaries, monkeypatch)
    settle(superuser)
    assert scan([root], canaries.values()) == []
    forget(here, canaries)
    settle(superuser)
    assert scan([root], canaries.values()) == []


def test_a_planted_canary_is_found(here, cluster, superuser, canaries):
    """The positive control: one row and its WAL, written past the application."""
    planted = canaries["content"][::-1]
    superuser.execute("CREATE TABLE IF NOT EXISTS planted (word text)")
    superuser.execute("INSERT INTO planted VALUES (%s)", [planted])
    settle(superuser)
    found = {str(each.path) for each in scan([Path(cluster.directory.path)], [planted])}
    superuser.execute("DROP TABLE planted")
    assert any("/base/" in path for path in found)
    assert any("/pg_wal/" in path for path in found)

"""`/v1/subjects`: found by a name that stands in no address, counted, exported as a signed file."""

from __future__ import annotations

import json
from uuid import uuid4

from audit.evidence import verify_export
from audit.notes import Verifier


def test_a_subject_is_found_and_counted(here, there):
    memory = here.memory("{{Ana}} plays.", subjects=["crm:1"])
    found = here.officer.post("/v1/subjects:find", {"subject": "crm:1"})
    assert found.status == 200, found.text
    body = found.json
    assert (body["id"], body["external_id"], body["records"]) == (memory["subjects"][0], "crm:1", 1)
    assert body["spaces"] == [{"space": here.space, "records": 1}]
    assert (body["states"], body["legal_holds"]) == ([{"state": "active", "records": 1}], [])
    assert here.admin.get(f"/v1/subjects/{body['id']}").json == body
    assert there.officer.post("/v1/subjects:find", {"subject": "crm:1"}).status == 404
    assert here.officer.post("/v1/subjects:find", {"subject": "crm:2"}).status == 404


def test_an_export_streams_and_is_verified_with_the_published_keys(here):
    memory = here.memory("{{Ana}} plays.", subjects=["crm:1"])
    here.agent.get(f"/v1/memories/{memory['id']}")
    here.drain()
    answer = here.officer.post(f"/v1/subjects/{memory['subjects'][0]}:export")
    assert (answer.status, answer.type) == (200, "application/x-ndjson")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "attachment" in answer.headers["Content-Disposition"]
    published = here.admin.get("/.well-known/memwrit-keys.json").json["keys"]
    facts = verify_export(answer.text, [Verifier.parse(key["vkey"]) for key in published])
    assert (facts["records"], facts["versions"]) == (1, 1)
    record = json.loads(answer.text.splitlines()[1])
    assert (record["record"], [each["how"] for each in record["reads"]]) == (memory["id"], ["read"])


def test_an_export_of_nobody_is_a_404_and_of_the_forgotten_a_410(here):
    memory = here.memory("{{Ana}} plays.", subjects=["crm:1"])
    assert here.officer.post(f"/v1/subjects/{uuid4()}:export").status == 404
    order = {"subject": "crm:1", "basis": "gdpr-17", "reason": "r"}
    plan = here.officer.post("/v1/erasure_requests", order).json
    body = {"expected_manifest": plan["manifest"]}
    assert here.officer.post(f"/v1/erasure_requests/{plan['id']}:execute", body).status == 202
    here.drain()
    assert here.officer.post(f"/v1/subjects/{memory['subjects'][0]}:export").problem == "erased"

"""The doors to the log, as a client sees them."""

import json

import pytest
from django.test import Client

from audit import heartbeat
from audit.evidence import verify_consistency, verify_inclusion
from audit.notes import Verifier
from audit.pin import watch
from audit.services import sequence
from foundation.kernel.principal import Principal, Role
from foundation.kernel.scope import tenant_scope
from tenants.services.create_key import create_key
from tenants.services.create_tenant import create_tenant
from tests.audit.build import admit, read

pytestmark = pytest.mark.usefixtures("ledger")


class Auditor:
    """A client with an auditor's key of a tenant of its own."""

    def __init__(self, name="Acme", role=Role.AUDITOR):
        self.tenant = create_tenant(name=name).key.tenant_id
        with tenant_scope(self.tenant):
            made = create_key(Principal.system(self.tenant), role=role, name="auditor", spaces=[])
        self.headers = {"HTTP_AUTHORIZATION": f"Bearer {made.api_key}"}

    def get(self, path, **headers):
        return Client(raise_request_exception=False).get(f"/v1/audit/{path}", **self.headers, **headers)

    def act(self, make=admit, sequenced=True):
        with tenant_scope(self.tenant):
            event = make()
        if sequenced:
            sequence.drain()
        return event


@pytest.fixture
def auditor(ledger):
    return Auditor()


@pytest.fixture
def keys(ledger):
    answer = Client().get("/.well-known/memwrit-keys.json")
    assert answer.status_code == 200
    return [Verifier.parse(key["vkey"]) for key in answer.json()["keys"] if key["use"] == "audit"]


def test_an_event_is_listed_at_once_and_gets_its_index_when_sequenced(auditor):
    event = auditor.act(sequenced=False)
    listed = auditor.get("events?act=memory.admit").json()["data"]
    assert [(one["id"], one["index"]) for one in listed] == [(str(event.id), None)]
    sequence.drain()
    (one,) = auditor.get("events?act=memory.admit").json()["data"]
    assert one["index"] is not None
    assert (one["actor"]["kind"], one["target"]["kind"], one["outcome"]) == ("system", "memory", "ok")


def test_pages_hold_every_event_once_whether_sequenced_or_not(auditor):
    made = [auditor.act(sequenced=step < 3).id for step in range(6)]
    seen, query = [], "events?act=memory.admit&limit=2"
    while True:
        page = auditor.get(query).json()
        seen += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            break
        query = f"events?act=memory.admit&limit=2&cursor={page['next_cursor']}"
    assert seen == [str(one) for one in reversed(made)]


def test_filters_narrow_the_list(auditor):
    event, other = auditor.act(), auditor.act(read, sequenced=False)
    for query in (f"target={event.target.id}", "act=memory.admit", f"actor={event.actor.id}&act=memory.admit"):
        assert [one["id"] for one in auditor.get(f"events?{query}").json()["data"]] == [str(event.id)]
    assert auditor.get(f"events?target={other.target.id}").json()["data"][0]["index"] is None
    assert auditor.get("events?until=2020-01-01T00:00:00Z").json()["data"] == []
    for bad in ("act=memory.eat", "since=yesterday", "colour=red", "limit=0", "cursor=zzz"):
        assert auditor.get(f"events?{bad}").status_code == 422


def test_reading_the_log_is_in_the_log(auditor):
    auditor.get("checkpoint")
    auditor.get("events")
    acts = [one["act"] for one in auditor.get("events?limit=3").json()["data"]]
    assert acts.count("audit.read") >= 1


def test_a_proof_verifies_offline_in_both_its_forms(auditor, keys):
    event = auditor.act()
    auditor.act()
    answer = auditor.get(f"proofs/{event.id}")
    assert answer.status_code == 200
    assert verify_inclusion(answer.json(), keys)["event_id"] == str(event.id)
    text = auditor.get(f"proofs/{event.id}", HTTP_ACCEPT="text/plain")
    assert text["Content-Type"].startswith("text/plain")
    assert text.content.decode().startswith("c2sp.org/tlog-proof@v1\n")


def test_an_event_on_its_way_is_not_sequenced_and_an_unknown_one_not_found(auditor):
    event = auditor.act(sequenced=False)
    answer = auditor.get(f"proofs/{event.id}")
    assert (answer.status_code, answer.json()["type"], answer["Retry-After"]) == (404, "/problems/not-sequenced", "1")
    answer = auditor.get("proofs/01a202c9-0001-7a00-8000-000000000001")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


def test_another_tenants_event_is_not_found(auditor):
    event = Auditor("Other").act()
    answer = auditor.get(f"proofs/{event.id}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
    assert str(event.id) not in json.dumps(auditor.get("events?limit=200").json())


def test_consistency_is_proven_between_any_two_sizes(auditor, keys):
    auditor.act()
    old = auditor.get("checkpoint").content.decode()
    auditor.act()
    auditor.act()
    size = int(old.split("\n")[1])
    proof = auditor.get(f"consistency?from={size}").json()
    assert proof["to"] > size
    verify_consistency(proof, old, keys)
    for bad in ("from=0", "from=9999", f"from={proof['to']}&to={size}", "", "from=1&to=9999"):
        assert auditor.get(f"consistency?{bad}").status_code == 422


def test_tiles_and_entries_are_served_as_far_as_published(auditor):
    for _ in range(3):
        auditor.act()
    size = int(auditor.get("checkpoint").content.split(b"\n")[1])
    assert len(auditor.get(f"tiles/tile/0/000.p/{size}").content) == 32 * size
    assert len(auditor.get("tiles/0/000.p/1").content) == 32
    assert auditor.get(f"tiles/tile/entries/000.p/{size}").status_code == 200
    assert auditor.get("tiles/checkpoint").content.decode().startswith(f"memwrit/{auditor.tenant}\n")
    for absent in (
        "tile/0/000",
        "tile/0/001",
        "tile/1/000",
        "tile/0/0",
        "nothing",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
    ):
        assert auditor.get(f"tiles/{absent}").status_code == 404, absent


def test_nothing_newer_than_the_pin_is_published(auditor, monkeypatch):
    from audit.sequencer.round import Sequencer

    auditor.act()
    before = auditor.get("checkpoint").content
    sequence.drain()
    with tenant_scope(auditor.tenant):
        event = admit()
    before = auditor.get("checkpoint").content
    monkeypatch.setattr(Sequencer, "_pin", lambda self: None)
    sequence.run_once()
    watch.forget()
    assert auditor.get("checkpoint").content == before
    assert auditor.get(f"proofs/{event.id}").json()["type"] == "/problems/not-sequenced"
    monkeypatch.undo()
    auditor.act()
    assert auditor.get(f"proofs/{event.id}").status_code == 200


@pytest.mark.parametrize(
    "column", ["entry", "leaf_hash", "act", "outcome", "target_id", "policy", "ts", "actor_id", "target_kind"]
)
def test_a_tampered_leaf_is_never_served(auditor, tamper, column):
    event = auditor.act()
    assert auditor.get(f"proofs/{event.id}").status_code == 200
    change = {
        "target_id": "gen_random_uuid()",
        "actor_id": "gen_random_uuid()",
        "act": "'memory.read'",
        "ts": "ts + 1",
    }.get(column, f"{column} || 'x'")
    assert tamper(f"UPDATE audit_entry SET {column} = {change} WHERE id = %s", event.id) == 1
    for path in (f"proofs/{event.id}", "events?limit=200"):
        answer = auditor.get(path)
        assert (answer.status_code, answer.json()["type"]) == (500, "/problems/integrity")


def test_a_tampered_tile_is_never_used_in_a_proof(auditor, tamper):
    event = auditor.act()
    auditor.act()
    assert tamper(
        "UPDATE audit_tile SET hashes = set_byte(hashes, 40, get_byte(hashes, 40) # 1) WHERE tenant_id = %s",
        auditor.tenant,
    )
    assert auditor.get(f"proofs/{event.id}").status_code == 500


@pytest.mark.parametrize("role", [Role.AGENT, Role.READER])
def test_the_log_is_not_for_agents_and_readers(role, ledger):
    from foundation.kernel.ids import uuid7

    tenant = create_tenant(name="Acme").key.tenant_id
    with tenant_scope(tenant):
        made = create_key(Principal.system(tenant), role=role, name="bot", spaces=[uuid7()])
    headers = {"HTTP_AUTHORIZATION": f"Bearer {made.api_key}"}
    assert Client().get("/v1/audit/events", **headers).status_code == 403
    assert Client().get("/v1/audit/events").status_code == 401


def test_a_quarantine_shows_as_unavailable(auditor, tamper):
    event = auditor.act(sequenced=False)
    tamper("DELETE FROM audit_outbox WHERE id = %s", event.id)
    heartbeat.beat()
    sequence.drain()
    assert auditor.get("events").status_code == 503

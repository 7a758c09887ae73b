"""A node that is down, hangs, is busy or lies: 503 or an integrity error, never a wrong result, and nothing is lost."""

import json
import time
from base64 import b64decode, b64encode
from uuid import uuid4

import pytest

from foundation.kernel import outbox
from foundation.kernel.problems import Integrity, Unavailable
from foundation.kernel.scope import tenant_transaction
from foundation.search.engine import _made, engine
from foundation.search.opensearch import breaker, connection
from foundation.search.port import Collection, Key
from tests.foundation.search.builders import document, found, plan, put
from tests.opensearch.proxy import Reply, faithful, in_front_of


@pytest.fixture
def proxy(on_opensearch, settings):
    """A proxy in front of the node, and an engine that knows no other address."""
    with in_front_of(on_opensearch.url) as made:
        settings.OPENSEARCH_URL = made.url
        settings.OPENSEARCH_TIMEOUT = 3.0
        _made.cache_clear()
        yield made
        made.rule = faithful
        _made.cache_clear()


def drops(request, ask):
    return Reply(drop=True)


def hangs(request, ask):
    return Reply(hang=True)


def says(body, status=200, kind="application/json"):
    return lambda request, ask: Reply(status, body, kind)


def altered(change):
    """The node's own answers to searches, changed."""

    def rule(request, ask):
        reply = ask()
        if not request.path.startswith("/_msearch"):
            return reply
        answer = json.loads(reply.body)
        change(answer)
        return Reply(reply.status, json.dumps(answer).encode())

    return rule


def hits_of(answer):
    return [hit for each in answer["responses"] for hit in each.get("hits", {}).get("hits", [])]


def without_field(name):
    def change(answer):
        for hit in hits_of(answer):
            hit["fields"].pop(name, None)

    return change


def of_another_tenant(answer):
    for hit in hits_of(answer):
        hit["fields"]["card"] = [
            b64encode(uuid4().bytes + b64decode(hit["fields"]["card"][0])[16:]).decode(),
        ]


def cut_short(name):
    def change(answer):
        for hit in hits_of(answer):
            if name in hit["fields"]:
                hit["fields"][name] = [hit["fields"][name][0][:-8]]

    return change


def without_score(answer):
    for hit in hits_of(answer):
        hit["_score"] = None


def one_missing(answer):
    answer["responses"].pop()


def one_failed(answer):
    answer["responses"][-1] = {"error": {"type": "x"}, "status": 500}


def a_shard_failed(answer):
    answer["responses"][-1]["_shards"]["failed"] = 1


def out_of_time(answer):
    answer["responses"][-1]["timed_out"] = True


@pytest.mark.parametrize(
    "rule",
    [
        drops,
        hangs,
        says(b"<html>Bad gateway</html>", 502, "text/html"),
        says(b"<html>Welcome</html>", 200, "text/html"),
        says(b"{", 200),
        says(b"{}"),
        says(b"[]"),
        says(b"null"),
        says(b'{"responses": [{}, {}]}'),
        says(b'{"responses": "none"}'),
        says(b"{}", 401),
        says(b"{}", 429),
        says(b"{}", 503),
        altered(without_field("card")),
        altered(cut_short("card")),
        altered(cut_short("half")),
        altered(without_score),
        altered(one_missing),
        altered(one_failed),
        altered(a_shard_failed),
        altered(out_of_time),
    ],
)
def test_search_is_unavailable_and_never_wrong(tenant, proxy, rule):
    one = document("seat")
    put(one)
    assert found(plan("seat")) == {(one.id, 1)}
    proxy.rule = rule
    with pytest.raises(Unavailable) as refused:
        found(plan("seat"))
    assert refused.value.retry_after
    proxy.rule = faithful
    assert found(plan("seat")) == {(one.id, 1)}, "the control: it was the answer alone"


def test_a_hit_of_another_tenant_is_an_integrity_error(tenant, proxy):
    put(document("seat"))
    proxy.rule = altered(of_another_tenant)
    with pytest.raises(Integrity):
        found(plan("seat"))


def test_a_hanging_node_is_waited_for_no_longer_than_the_setting_says(tenant, proxy):
    put(document("seat"))
    proxy.rule = hangs
    began = time.monotonic()
    with pytest.raises(Unavailable):
        found(plan("seat"))
    assert time.monotonic() - began < 20


def test_after_some_failures_nothing_is_asked_for_a_while(tenant, proxy, monkeypatch):
    monkeypatch.setattr(breaker, "OPEN_SECONDS", 0.5)
    put(document("seat"))
    proxy.rule = drops
    for _ in range(breaker.FAILURES):
        with pytest.raises(Unavailable):
            found(plan("seat"))
    proxy.seen.clear()
    with pytest.raises(Unavailable):
        found(plan("seat"))
    assert proxy.seen == []
    proxy.rule = faithful
    time.sleep(0.6)
    assert len(found(plan("seat"))) == 1


def busy(times):
    left = [times]

    def rule(request, ask):
        if "_bulk" in request.path and left[0]:
            left[0] -= 1
            return Reply(429, b'{"error": {"type": "rejected_execution"}, "status": 429}')
        return ask()

    return rule


def partly_busy(times):
    """Every item of a bulk is refused, so many times, and none is written."""
    left = [times]

    def rule(request, ask):
        if "_bulk" not in request.path or not left[0]:
            return ask()
        left[0] -= 1
        items = [{"index": {"status": 503, "error": {"type": "busy"}}}] * (request.body.count(b"\n") // 2)
        return Reply(200, json.dumps({"errors": True, "items": items}).encode())

    return rule


def test_what_a_busy_node_refused_is_sent_again(tenant, proxy, monkeypatch):
    monkeypatch.setattr("foundation.search.opensearch.writing.DELAYS", (0.01, 0.01, 0.01))
    put(document("aisle"))
    for rule in (busy(2), partly_busy(3)):
        proxy.rule = rule
        one = document("seat")
        assert put(one) == 1
        assert (one.id, 1) in found(plan("seat"))


def test_what_stays_busy_is_not_taken_for_written(tenant, proxy, monkeypatch):
    monkeypatch.setattr("foundation.search.opensearch.writing.DELAYS", (0.01, 0.01))
    put(document("aisle"))
    for rule in (busy(100), partly_busy(100)):
        proxy.rule = rule
        with pytest.raises(Unavailable):
            put(document("seat"))


def test_a_removal_during_an_outage_waits_in_the_outbox_and_happens_after_it(tenant, proxy, monkeypatch):
    monkeypatch.setattr("foundation.search.opensearch.breaker.OPEN_SECONDS", 0.0)
    one = document("seat")
    put(one)
    proxy.rule = drops
    with tenant_transaction():
        engine().remove([Key(Collection.MEMORY, one.id, 1, one.rev)])
    proxy.rule = faithful
    assert outbox.waiting(tenant) == 1
    while outbox.run_due():
        pass
    assert outbox.waiting(tenant) == 0
    assert found(plan("seat")) == set()


def test_a_removal_whose_transaction_fails_never_happened(tenant, proxy):
    one = document("seat")
    put(one)
    with pytest.raises(ZeroDivisionError), tenant_transaction():
        engine().remove([Key(Collection.MEMORY, one.id, 1, one.rev)])
        raise ZeroDivisionError
    while outbox.run_due():
        pass
    assert found(plan("seat")) == {(one.id, 1)}


def test_a_lost_index_is_told_and_not_taken_for_an_empty_one(tenant, proxy, settings):
    from tests.foundation.search.builders import generation

    settings.OPENSEARCH_OWN_INDEX = [str(tenant)]
    one = document("seat")
    put(one)
    connection.Connection().call("DELETE", f"/{settings.OPENSEARCH_PREFIX}-own-{tenant.hex}-1")
    with pytest.raises(Unavailable):
        found(plan("seat"))
    with pytest.raises(Unavailable):
        put(document("aisle"))
    with tenant_transaction():
        assert not engine().ready(generation())
        assert engine().rebuild(generation(), iter([one])) == 1
    assert found(plan("seat")) == {(one.id, 1)}


def test_every_request_names_the_tenants_route_and_no_word(tenant, proxy):
    put(document("zanzibarian seat"))
    found(plan("zanzibarian seat"))
    told = [request for request in proxy.seen if "_bulk" in request.path or "_msearch" in request.path]
    assert told
    assert all(tenant.hex in request.path or tenant.hex.encode() in request.body for request in told)
    assert not any(b"zanzibar" in request.body for request in proxy.seen)
    assert any(tenant.hex.encode() in request.body for request in proxy.seen), "the control"


def test_before_anything_was_written_anywhere_nothing_is_found(tenant, proxy, settings):
    settings.OPENSEARCH_OWN_INDEX = [str(tenant)]
    assert found(plan("seat")) == set()
    with tenant_transaction():
        assert engine().statistics(plan("seat")).documents == 0
        assert engine().holding([uuid4()]) == set()
    proxy.rule = drops
    with pytest.raises(Unavailable):
        found(plan("seat"))

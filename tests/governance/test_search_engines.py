"""What governance asks of either engine: the index follows every change, survives outages, and forgets to the byte."""

import argparse
import json
import time
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from django.conf import settings

from foundation.kernel import clock, outbox
from foundation.kernel.models import WorkItem
from foundation.kernel.problems import Unavailable
from foundation.kernel.scope import tenant_transaction
from foundation.search import generations, index
from foundation.search.engine import _made, engine
from foundation.search.opensearch.connection import Connection
from foundation.search.port import SCRUB
from governance import opening
from governance.indexing import entries
from governance.models import MemCube
from governance.services.admit import admit
from governance.services.place_hold import place_hold
from governance.services.revise import Revision, revise
from governance.services.search import Question, search
from governance.services.withdraw import withdraw
from governance.timeline import served_from
from memwrit.commands import parity
from tests.governance.builders import admitted, drain, submission
from tests.governance.test_forget import forget
from tests.opensearch.proxy import Reply, faithful, in_front_of
from tests.scanner import float_needles, scan_for


def found(who, query, **fields):
    return {each.memory.payload.content for each in search(who, question=Question(query, **fields)).found}


def failures():
    """Work that was tried and not done: kind and error."""
    with tenant_transaction():
        return list(WorkItem.objects.exclude(failure="").values_list("kind", "failure"))


def test_the_index_follows_every_change(either_engine, agent, space, officer):
    kept = admitted(agent, space, "The violin stands in the hall.")
    gone = admitted(agent, space, "Lessons for violin are on Monday.")
    changed = admitted(agent, space, "Bob bought a violin in Rome.")
    named = admitted(agent, space, "Ana likes the violin.", subjects=("crm:1",))
    assert len(found(agent, "violin")) == 4
    withdraw(agent, memory_id=gone.memory.cube.id, if_match="*")
    revise(agent, memory_id=changed.memory.cube.id, revision=Revision("*", {"content": "Bob bought a violin in Pisa."}))
    forget(officer, subject="crm:1")
    drain()
    assert failures() == [], "whatever was late or refused is told, not guessed at"
    assert found(agent, "violin") == {"The violin stands in the hall.", "Bob bought a violin in Pisa."}
    with tenant_transaction():
        assert engine().holding([each.memory.cube.id for each in (gone, named)]) == set()
        assert engine().holding([kept.memory.cube.id]) == {kept.memory.cube.id}, "the control"


def test_an_erasure_that_a_hold_restricts_is_out_of_search_and_stays_whole(either_engine, agent, space, officer):
    shown = admitted(agent, space, "A violin of hers.", subjects=("crm:1",))
    place_hold(officer, name="suit", basis="A suit.", subject="crm:1")
    forget(officer, subject="crm:1")
    assert found(agent, "violin") == set()
    with tenant_transaction():
        assert MemCube.objects.get(id=shown.memory.cube.id).state == "restricted"
        assert engine().holding([shown.memory.cube.id]) == set()


@pytest.fixture
def proxy(on_opensearch, settings, monkeypatch):
    monkeypatch.setattr("foundation.search.opensearch.breaker.OPEN_SECONDS", 0.0)
    with in_front_of(on_opensearch.url) as made:
        settings.OPENSEARCH_URL, settings.OPENSEARCH_TIMEOUT = made.url, 3.0
        _made.cache_clear()
        yield made
        made.rule = faithful
        _made.cache_clear()


@pytest.mark.parametrize("fault", [Reply(drop=True), Reply(hang=True), Reply(503), Reply(200, b"<html>", "text/html")])
def test_while_the_engine_is_away_writes_wait_and_searches_are_refused(proxy, agent, space, tenant, fault):
    old = admitted(agent, space, "A violin was sold.")
    proxy.rule = lambda request, ask: fault
    shown = admit(agent, submission=submission(space, "A violin was bought."))
    assert shown.held, "nobody could compare it"
    assert "evidence-unavailable" in shown.decision["reasons"]
    withdraw(agent, memory_id=old.memory.cube.id, if_match="*")
    with pytest.raises(Unavailable) as refused:
        found(agent, "violin")
    assert refused.value.retry_after
    assert outbox.waiting(tenant) > 0
    proxy.rule = faithful
    drain()
    assert found(agent, "violin") == set()
    with tenant_transaction():
        assert engine().holding([old.memory.cube.id]) == set()


def test_what_was_admitted_before_the_outage_reaches_the_index_after_it(proxy, agent, space, tenant):
    admitted(agent, space, "A cello stands there.")
    admit(agent, submission=submission(space, "A violin was bought."))
    proxy.rule = lambda request, ask: Reply(drop=True)
    outbox.run_due()
    assert outbox.waiting(tenant) > 0
    proxy.rule = faithful
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        _make_due(tenant)
        drain()
    assert found(agent, "violin") >= {"A violin was bought."}


def _make_due(tenant):
    with tenant_transaction():
        WorkItem.objects.update(due=clock.now() - timedelta(hours=1))


def compared(tenant, capsys, *, mend=False):
    """What `memwrit parity` comes to: its exit code, and its lines."""
    capsys.readouterr()
    code = parity.run(argparse.Namespace(tenant=str(tenant), json=True, mend=mend))
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def counts(told):
    return told["missing"], told["stale"], told["orphans"]


def test_parity_tells_what_is_missing_stale_and_orphaned_and_mends_orphans_first(
    either_engine, agent, space, tenant, capsys, monkeypatch
):
    one, third = (admitted(agent, space, f"A violin was {what}.") for what in ("bought", "lent"))
    code, [told] = compared(tenant, capsys)
    assert (code, counts(told)) == (0, (0, 0, 0))
    admit(agent, submission=submission(space, "A violin was sold."))
    revise(agent, memory_id=third.memory.cube.id, revision=Revision("*", {"content": "A violin was given away."}))
    _forget_what_is_owed()
    _withdrawn_in_silence(one)
    code, [told] = compared(tenant, capsys)
    assert (code, counts(told)) == (1, (2, 1, 1)), "a lost one and a new version; the old version; the withdrawn one"
    assert told["orphan_ids"] == [str(one.memory.cube.id)]
    done = []
    for name in ("remove", "put"):
        act = getattr(type(engine()), name)
        monkeypatch.setattr(type(engine()), name, _noting(done, name, act))
    code, [_, told] = compared(tenant, capsys, mend=True)
    assert (code, counts(told)) == (0, (0, 0, 0))
    assert next(each for each in done if each[1]) == ("remove", 1), "orphans go first"
    drain()
    assert found(agent, "violin") == {"A violin was sold.", "A violin was given away."}
    with tenant_transaction():
        assert engine().holding([one.memory.cube.id]) == set()


def test_what_has_no_record_any_more_is_an_orphan_and_goes(either_engine, agent, space, tenant, capsys):
    shown = admitted(agent, space, "A violin was bought.")
    with tenant_transaction():
        generation = generations.live()[0]
        [entry] = entries(
            opening.rows([(shown.memory.cube.id, 1)], embeddings=True), served_from([shown.memory.cube.id])
        )
    strange = replace(index.documents([entry], [generation])[0], id=uuid4())
    with tenant_transaction():
        engine().put([strange])
    code, [told] = compared(tenant, capsys)
    assert (code, counts(told)) == (1, (0, 0, 1))
    code, [_, told] = compared(tenant, capsys, mend=True)
    assert (code, counts(told)) == (0, (0, 0, 0))
    assert found(agent, "violin") == {"A violin was bought."}


def test_a_purged_index_is_mended(either_engine, agent, space, tenant, capsys):
    admitted(agent, space, "A violin was bought.")
    with tenant_transaction():
        engine().purge()
    assert compared(tenant, capsys)[0] == 1
    assert compared(tenant, capsys, mend=True)[0] == 0
    assert found(agent, "violin") == {"A violin was bought."}


def test_parity_says_when_the_index_cannot_be_asked(proxy, agent, space, tenant, capsys):
    admitted(agent, space, "A violin was bought.")
    proxy.rule = lambda request, ask: Reply(drop=True)
    code, [told] = compared(tenant, capsys)
    assert code == 2
    assert "missing" not in told


def _noting(done, name, act):
    def noted(self, given):
        done.append((name, len(given)))
        return act(self, given)

    return noted


def _withdrawn_in_silence(shown):
    """Out of service, and the index not told: what must never happen."""
    with tenant_transaction():
        MemCube.objects.filter(id=shown.memory.cube.id).update(state="withdrawn")


def _forget_what_is_owed():
    with tenant_transaction():
        WorkItem.objects.all().delete()


def test_what_was_forgotten_leaves_no_bytes_in_the_nodes_data_directory(on_opensearch, agent, space, officer, tenant):
    if on_opensearch.data is None:
        pytest.skip("needs the data directory of OpenSearch: OPENSEARCH_URL names somebody else's node")
    gone = admitted(agent, space, "Zanzibarian aisle seats suit her well.", subjects=("crm:1",))
    kept = admitted(agent, space, "The kettle is on the stove.")
    traces = {name: _traces(tenant, shown) for name, shown in {"gone": gone, "kept": kept}.items()}
    _flush()
    assert _found_in(on_opensearch.data, traces) == {"gone", "kept"}, "the control: what is indexed is seen"
    forget(officer, subject="crm:1")
    until = time.monotonic() + 90
    while _found_in(on_opensearch.data, traces) != {"kept"} and time.monotonic() < until:
        time.sleep(3)  # until the shard has told its replicas
        engine().scrub()
    assert _found_in(on_opensearch.data, traces) == {"kept"}
    with tenant_transaction():
        assert WorkItem.objects.filter(kind=SCRUB).exists(), "the worker does it in its time"


def _traces(tenant, shown):
    """The rotated vector's raw bytes, as the index has them."""
    with tenant_transaction():
        place = (shown.memory.cube.id, shown.memory.version.number)
        times = served_from([place[0]])
        rows = opening.rows([place], embeddings=True)
    [document] = index.documents(entries(rows, times))
    halves = np.round(document.vector.astype(np.float64), 5).astype(np.float16).astype(np.float32)
    return float_needles(halves)


def _flush():
    Connection().call("POST", f"/{settings.OPENSEARCH_PREFIX}-*/_flush", params={"force": "true"})


def _found_in(folder, traces):
    return {finding.canary for finding in scan_for([folder], traces)}

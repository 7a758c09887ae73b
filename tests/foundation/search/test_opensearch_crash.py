"""SIGKILL of the node in the middle of a bulk: what was acknowledged is there, and what was not is put again."""

import threading
import time

import pytest

from foundation.kernel.problems import Unavailable
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.search.engine import _made, engine
from foundation.search.port import Collection, Expected
from tests.foundation.search.builders import document, found, generation, plan, put
from tests.opensearch import node

BATCHES, OF = 24, 100


@pytest.fixture
def own_node(on_opensearch, settings, monkeypatch):
    """A node of this test's own, to be killed."""
    if on_opensearch.data is None:
        pytest.skip("needs a node of our own: OPENSEARCH_URL names somebody else's")
    monkeypatch.setattr("foundation.search.opensearch.breaker.OPEN_SECONDS", 0.0)
    with node.whole(1, "512m", quick=True) as [server]:
        settings.OPENSEARCH_URL = server.url
        _made.cache_clear()
        yield server
        _made.cache_clear()


def test_a_node_killed_during_a_bulk_loses_nothing_that_was_acknowledged(tenant, own_node):
    put(document("seat"))
    batches = [[document(f"seat {at} {number}") for number in range(OF)] for at in range(BATCHES)]
    acknowledged, stop = [], threading.Event()
    writer = threading.Thread(target=_write, args=(tenant, batches, acknowledged, stop))
    writer.start()
    while len(acknowledged) < BATCHES // 4:
        time.sleep(0.01)
    own_node.kill()
    stop.wait(60)
    writer.join()
    assert BATCHES // 4 <= len(acknowledged) < BATCHES, "the control: it was killed in the middle"
    with pytest.raises(Unavailable):
        found(plan("seat"))
    own_node.launch()
    own_node.await_answer()
    assert _lost(acknowledged) == set(), "what was acknowledged"
    for batch in batches:
        put(*batch)
    assert _lost(batches) == set()
    parity = _parity([one for batch in batches for one in batch])
    assert (parity.missing, parity.stale, len(parity.orphans)) == (frozenset(), frozenset(), 1), (
        "the first alone is more"
    )


def _write(tenant, batches, acknowledged, stop):
    """As the worker does, until it is refused."""
    with tenant_scope(tenant):
        try:
            for batch in batches:
                put(*batch)
                acknowledged.append(batch)
        except Unavailable:
            pass
        finally:
            stop.set()


def _lost(batches):
    return _parity([one for batch in batches for one in batch]).missing


def _parity(documents):
    expected = [Expected(one.id, one.version, one.rev, superseded=False) for one in documents]
    with tenant_transaction():
        return engine().parity(generation(), Collection.MEMORY, expected)

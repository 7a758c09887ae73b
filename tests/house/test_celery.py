"""Work through a broker: ids travel, the database remains the queue."""

import json
import time
from datetime import timedelta

import pytest
from celery.contrib.testing.worker import start_worker

from foundation.kernel import outbox
from foundation.kernel.clock import now
from foundation.kernel.models import WorkItem
from foundation.kernel.outbox import enqueue, handles
from foundation.kernel.scope import tenant_scope, tenant_transaction
from memwrit import celery

SEEN = []
KIND = "house.test"


@pytest.fixture
def handled(monkeypatch):
    """A kind of work of this test's own."""
    SEEN.clear()
    monkeypatch.setattr(outbox, "_handlers", dict(outbox._handlers))
    handles(KIND)(lambda refs: SEEN.extend(refs))


def waiting(tenant):
    with tenant_scope(tenant), tenant_transaction():
        return WorkItem.objects.filter(kind=KIND).count()


def owe(tenant, ref):
    with tenant_scope(tenant), tenant_transaction():
        enqueue(KIND, ref)


def test_a_worker_does_what_the_relay_sends_and_the_item_is_gone(tenant, handled):
    owe(tenant, {"n": 1})
    with start_worker(celery.app, pool="solo", perform_ping_check=False, loglevel="ERROR"):
        celery.dispatch()
        limit = time.monotonic() + 20
        while waiting(tenant) and time.monotonic() < limit:
            time.sleep(0.05)
    assert SEEN == [{"n": 1}]
    assert waiting(tenant) == 0


def test_a_message_holds_ids_and_no_reference(tenant, handled, monkeypatch):
    sent = []
    monkeypatch.setattr(celery.work, "delay", lambda *arguments: sent.append(arguments))
    owe(tenant, {"secret": "Quetzalcoatlus"})
    celery.dispatch()
    assert str(tenant) in json.dumps(sent)
    assert "Quetzalcoatlus" not in json.dumps(sent)


def test_a_message_the_broker_loses_is_sent_again(tenant, handled, monkeypatch):
    sent = []
    monkeypatch.setattr(celery.work, "delay", lambda owner, kind, ids: sent.append(owner))
    owe(tenant, {"n": 2})
    celery.dispatch()
    celery.dispatch()
    assert sent.count(str(tenant)) == 1  # leased, so not sent twice
    with tenant_scope(tenant), tenant_transaction():
        WorkItem.objects.filter(kind=KIND).update(due=now() - timedelta(minutes=1))  # the lease is over
    celery.dispatch()
    assert sent.count(str(tenant)) == 2


def test_an_item_done_twice_is_done_once(tenant, handled):
    owe(tenant, {"n": 3})
    ids = [str(id) for id in _ids(tenant)]
    for _ in range(2):
        celery.work.run(str(tenant), KIND, ids)
    assert SEEN == [{"n": 3}]


def _ids(tenant):
    with tenant_scope(tenant), tenant_transaction():
        return list(WorkItem.objects.filter(kind=KIND).values_list("id", flat=True))

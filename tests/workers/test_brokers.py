"""Real workers on real brokers: what is owed takes effect once, whoever is killed meanwhile."""

import itertools
import os
import random
import time

import pytest

from foundation.kernel.models import WorkItem
from foundation.kernel.scope import tenant_scope, tenant_transaction
from tests.workers.brokers import RabbitMQ, Valkey, why_no_rabbit
from tests.workers.effects import AWAY, POISON
from tests.workers.fleet import fleet

numbers = itertools.count()


def some(count):
    """Numbers that no other test has."""
    return list(itertools.islice(numbers, count))


def running(broker, cluster):
    try:
        broker.start()
        with fleet(broker, cluster.superuser_url()) as made:
            made.start_relay()
            made.start_worker()
            yield made
    finally:
        broker.stop()


ASKED_FOR = "MEMWRIT_TEST_BROKERS" in os.environ
asked_for = pytest.mark.skipif(not ASKED_FOR, reason="takes minutes: set MEMWRIT_TEST_BROKERS=1")
pytestmark = pytest.mark.timeout(900)  # workers and brokers are started, killed and waited for


@pytest.fixture(scope="module")
def on_valkey(cluster, database):
    yield from running(Valkey(), cluster)


@pytest.fixture(scope="module")
def on_rabbitmq(cluster, database):
    if not ASKED_FOR:
        pytest.skip("takes minutes: set MEMWRIT_TEST_BROKERS=1")
    if reason := why_no_rabbit():
        pytest.skip(f"needs RabbitMQ: {reason}")
    yield from running(RabbitMQ(), cluster)


@pytest.fixture(params=["valkey", "rabbitmq"])
def workers(request):
    return request.getfixturevalue(f"on_{request.param}")


def items(tenant, kind):
    with tenant_scope(tenant), tenant_transaction():
        return list(WorkItem.objects.filter(kind=kind).order_by("id"))


def until(check, within=200.0):
    limit = time.monotonic() + within
    while not check():
        assert time.monotonic() < limit
        time.sleep(0.1)


def test_whoever_is_killed_every_effect_is_there_and_none_is_doubled(workers, tenant, other_tenant):
    chance, owed = random.Random(20261122), some(240)
    workers.owe(tenant, owed[:200], takes=0.02)
    workers.owe(other_tenant, owed[200:], takes=0.02)
    workers.await_done(owed[:20])
    for kill in (lambda: workers.kill_one_child(chance), lambda: workers.kill("worker"), workers.broker.kill):
        time.sleep(chance.uniform(0.0, 0.3))
        kill()
    late = some(5)
    workers.owe(tenant, late)  # while nobody is there to send it to
    workers.start_worker()
    workers.broker.start()
    workers.await_done([*owed, *late], within=400)
    assert workers.runs() >= len(owed)
    assert (workers.doubled(), workers.overlapping()) == (0, 0)


@asked_for
def test_an_item_that_kills_its_worker_ends_as_dead_and_takes_nobody_with_it(on_valkey, tenant):
    owed = some(8)
    on_valkey.owe(tenant, owed[:4], kind=POISON)
    on_valkey.owe(tenant, owed[4:5], kind=POISON, kills=True)
    on_valkey.owe(tenant, owed[5:], kind=POISON)
    on_valkey.await_done([n for n in owed if n != owed[4]])
    until(lambda: [each.state for each in items(tenant, POISON)] == ["dead"])
    assert items(tenant, POISON)[0].failure == "RunnerLost"
    assert owed[4] not in on_valkey.done()


@asked_for
def test_what_waits_for_a_part_that_is_away_is_done_when_it_is_back(on_valkey, tenant):
    owed = some(3)
    on_valkey.books.execute("INSERT INTO away VALUES (now())")
    on_valkey.owe(tenant, owed, kind=AWAY)
    until(lambda: {each.failure for each in items(tenant, AWAY)} == {"Unavailable"})
    on_valkey.books.execute("DELETE FROM away")
    assert {(each.state, each.attempts) for each in items(tenant, AWAY)} == {("due", 0)}
    on_valkey.await_done(owed)


@asked_for
def test_a_class_of_work_can_have_workers_of_its_own(on_valkey, tenant):
    owed = some(4)
    on_valkey.kill("worker")
    on_valkey.start_worker("--queues", "index,admission", name="index")
    on_valkey.owe(tenant, owed[:2], queue="forget")
    on_valkey.owe(tenant, owed[2:], queue="admission")
    on_valkey.await_done(owed[2:])
    assert not on_valkey.done() & set(owed[:2])
    on_valkey.start_worker("--queues", "forget", name="forget")
    on_valkey.await_done(owed[:2])
    on_valkey.kill("index")
    on_valkey.kill("forget")

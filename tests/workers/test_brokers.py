"""Real workers on real brokers: what is owed takes effect once, whoever is killed meanwhile."""

import itertools
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


on_valkey = pytest.mark.parametrize("workers", ["valkey"], indirect=True)


@pytest.fixture(scope="module", params=["valkey", "rabbitmq"])
def workers(request, cluster, database):
    """One fleet at a time: two relays on one database would take each other's items."""
    if request.param == "rabbitmq" and (reason := why_no_rabbit()):
        pytest.skip(f"needs RabbitMQ: {reason}")
    broker = {"valkey": Valkey, "rabbitmq": RabbitMQ}[request.param]()
    try:
        broker.start()
        with fleet(broker, cluster.superuser_url()) as made:
            made.start_relay()
            made.start_worker()
            yield made
    finally:
        broker.stop()


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


@on_valkey
def test_an_item_that_kills_its_worker_ends_as_dead_and_takes_nobody_with_it(workers, tenant):
    owed = some(8)
    workers.owe(tenant, owed[:4], kind=POISON)
    workers.owe(tenant, owed[4:5], kind=POISON, kills=True)
    workers.owe(tenant, owed[5:], kind=POISON)
    workers.await_done([n for n in owed if n != owed[4]])
    until(lambda: [each.state for each in items(tenant, POISON)] == ["dead"])
    assert items(tenant, POISON)[0].failure == "RunnerLost"
    assert owed[4] not in workers.done()


@on_valkey
def test_what_waits_for_a_part_that_is_away_is_done_when_it_is_back(workers, tenant):
    owed = some(3)
    workers.books.execute("INSERT INTO away VALUES (now())")
    workers.owe(tenant, owed, kind=AWAY)
    until(lambda: {each.failure for each in items(tenant, AWAY)} == {"Unavailable"})
    workers.books.execute("DELETE FROM away")
    assert {(each.state, each.attempts) for each in items(tenant, AWAY)} == {("due", 0)}
    workers.await_done(owed)


@on_valkey
def test_a_class_of_work_can_have_workers_of_its_own(workers, tenant):
    owed = some(4)
    workers.kill("worker")
    workers.start_worker("--queues", "index,admission", name="index")
    workers.owe(tenant, owed[:2], queue="forget")
    workers.owe(tenant, owed[2:], queue="admission")
    workers.await_done(owed[2:])
    assert not workers.done() & set(owed[:2])
    workers.start_worker("--queues", "forget", name="forget")
    workers.await_done(owed[:2])
    workers.kill("index")
    workers.kill("forget")

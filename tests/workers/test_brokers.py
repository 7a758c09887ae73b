"""Real workers on real brokers: what is owed takes effect once, whoever is killed meanwhile."""

import random
import time

import pytest

from foundation.kernel.models import WorkItem
from foundation.kernel.scope import tenant_scope, tenant_transaction
from memwrit import health  # noqa: F401
from tests.workers.brokers import BROKERS, why_no_rabbit
from tests.workers.effects import AWAY, POISON
from tests.workers.fleet import fleet


@pytest.fixture(scope="module", params=list(BROKERS))
def broker(request):
    if request.param == "rabbitmq" and (reason := why_no_rabbit()):
        pytest.skip(f"needs RabbitMQ: {reason}")
    made = BROKERS[request.param]()
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def workers(broker, cluster, tenant):
    with fleet(broker, cluster.superuser_url()) as made:
        made.start_relay()
        made.start_worker()
        yield made


def state_of(tenant, kind):
    with tenant_scope(tenant), tenant_transaction():
        return list(WorkItem.objects.filter(kind=kind).values_list("state", "failure"))


def test_whoever_is_killed_every_effect_is_there_and_none_is_doubled(workers, broker, tenant, other_tenant):
    chance = random.Random(20261122)
    numbers = list(range(240))
    workers.owe(tenant, numbers[:200], takes=0.02)
    workers.owe(other_tenant, numbers[200:], takes=0.02)
    workers.await_done(numbers[:20])
    for kill in (lambda: workers.kill_one_child(chance), lambda: workers.kill("worker"), broker.kill):
        time.sleep(chance.uniform(0.0, 0.3))
        kill()
    broker.start()
    workers.start_worker()
    workers.await_done(numbers)
    assert workers.runs() >= len(numbers)
    assert (workers.doubled(), workers.overlapping()) == (0, 0)

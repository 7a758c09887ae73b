"""The outbox: work survives its failures, runs in its tenant's scope, and stays visible when it is given up."""

import itertools
from datetime import timedelta

import pytest

from foundation.kernel import outbox
from foundation.kernel.clock import now
from foundation.kernel.leasing import Queue
from foundation.kernel.models import WorkItem
from foundation.kernel.scope import current_tenant, tenant_scope, tenant_transaction

numbers = itertools.count()


@pytest.fixture
def handled():
    """A fresh kind of work and the calls its handler got; refs that ask for it fail."""
    kind, calls = f"test.kind{next(numbers)}", []

    @outbox.handles(kind)
    def handler(refs):
        if any(ref.get("fail") for ref in refs):
            raise RuntimeError("the canary is red")
        calls.append((current_tenant(), [ref["n"] for ref in refs]))

    yield kind, calls
    outbox._handlers.pop(kind)


def owe(kind, **ref):
    with tenant_transaction():
        return outbox.enqueue(kind, ref)


def items(kind):
    with tenant_transaction():
        return list(WorkItem.objects.filter(kind=kind).order_by("id"))


def test_work_runs_in_its_tenants_scope_and_is_gone(tenant, other_tenant, handled):
    kind, calls = handled
    owe(kind, n=1)
    with tenant_scope(other_tenant):
        owe(kind, n=2)
    outbox.run_due()
    assert sorted(calls, key=str) == sorted([(tenant, [1]), (other_tenant, [2])], key=str)
    assert items(kind) == []


def test_work_of_a_change_that_was_undone_is_not_owed(tenant, handled):
    kind, calls = handled
    with pytest.raises(ValueError, match="undone"), tenant_transaction():
        outbox.enqueue(kind, {"n": 1})
        raise ValueError("undone")
    outbox.run_due()
    assert calls == [] == items(kind)


def test_one_bad_item_holds_up_no_other(tenant, handled):
    kind, calls = handled
    owe(kind, n=1)
    owe(kind, n=2, fail=True)
    owe(kind, n=3)
    outbox.run_due()
    assert [ns for _, ns in calls] == [[1], [3]]
    (left,) = items(kind)
    assert (left.attempts, left.state, left.failure) == (1, "due", "RuntimeError")
    assert left.due > now()


def test_a_leased_item_is_not_leased_twice(tenant, handled):
    kind, _ = handled
    owe(kind, n=1)
    first = [lease for lease in outbox.lease_due(100) if lease.kind == kind]
    again = [lease for lease in outbox.lease_due(100) if lease.kind == kind]
    assert (len(first), again) == (1, [])


def test_what_keeps_failing_is_dead_and_visible_and_tells_no_content(tenant, handled):
    kind, _ = handled
    item = owe(kind, n=1, fail=True)
    for _ in range(outbox.MOST_ATTEMPTS):
        outbox.run_items(tenant, kind, [item])
    (left,) = items(kind)
    assert (left.state, left.failure) == ("dead", "RuntimeError")
    outbox.run_due()
    assert items(kind)[0].attempts == outbox.MOST_ATTEMPTS


def test_work_due_later_waits(tenant, handled):
    kind, calls = handled
    with tenant_transaction():
        outbox.enqueue(kind, {"n": 1}, due=now() + timedelta(hours=1))
    outbox.run_due()
    assert calls == []
    assert len(items(kind)) == 1


def test_a_tenant_with_much_work_does_not_keep_another_waiting(tenant, other_tenant, handled):
    kind, _ = handled
    with tenant_transaction():
        for n in range(50):
            outbox.enqueue(kind, {"n": n})
    with tenant_scope(other_tenant):
        owe(kind, n=99)
    leased = [lease.tenant_id for lease in outbox.lease_due(10) if lease.kind == kind]
    assert other_tenant in leased


def test_work_that_waits_for_strangers_can_be_run_apart(tenant, handled):
    kind, calls = handled
    owe(kind, n=1)
    with tenant_transaction():
        outbox.enqueue(kind, {"n": 2}, queue=outbox.SLOW)
    outbox.run_due(queues=set(Queue) - {Queue.SLOW})
    assert calls == [(tenant, [1])]
    outbox.run_due(queues={Queue.SLOW})
    assert calls == [(tenant, [1]), (tenant, [2])]


def test_without_a_worker_of_its_own_slow_work_is_done_with_the_rest(tenant, handled):
    kind, calls = handled
    with tenant_transaction():
        outbox.enqueue(kind, {"n": 1}, queue=outbox.SLOW)
    outbox.run_due()
    assert calls == [(tenant, [1])]

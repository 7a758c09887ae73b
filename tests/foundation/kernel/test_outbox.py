"""The outbox: work survives its failures, runs in its tenant's scope, and stays visible when it is given up."""

import itertools
import time
from collections import Counter
from datetime import timedelta

import pytest

from foundation.kernel import leasing, outbox
from foundation.kernel.clock import frozen, now
from foundation.kernel.leasing import Queue
from foundation.kernel.models import WorkItem
from foundation.kernel.problems import Unavailable
from foundation.kernel.scope import current_tenant, tenant_scope, tenant_transaction
from tests.conftest import new_tenant

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


@pytest.mark.parametrize("count", [1, 20], ids=["few", "many"])
def test_work_owed_under_a_clock_that_is_ahead_is_due_at_once_all_the_same(tenant, handled, count):
    kind, calls = handled
    with frozen(now() + timedelta(hours=2)), tenant_transaction():
        outbox.enqueue_many(kind, [{"n": 1}] * count)
    outbox.run_due(limit=count)
    assert sum(len(refs) for _, refs in calls) == count


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


def test_work_for_a_queue_that_nobody_works_is_refused(tenant):
    with pytest.raises(ValueError, match="nowhere"), tenant_transaction():
        outbox.enqueue("test.kind", {}, queue="nowhere")


def test_what_somebody_runs_is_left_to_him_until_his_claim_ends(tenant, handled):
    kind, calls = handled
    item = owe(kind, n=1)
    outbox._claim(kind, [item])
    outbox.run_items(tenant, kind, [item])
    assert calls == []
    with tenant_transaction():
        WorkItem.objects.filter(kind=kind).update(due=now() - timedelta(seconds=1))
    outbox.run_items(tenant, kind, [item])
    assert calls == [(tenant, [1])]


def test_a_claim_is_kept_alive_while_its_work_lasts(tenant, handled, monkeypatch):
    kind, _ = handled
    monkeypatch.setattr(outbox, "CLAIM", timedelta(seconds=0.3))
    item, seen = owe(kind, n=1), []

    @outbox.handles(kind)
    def slow(refs):
        time.sleep(0.8)
        seen.extend(outbox._claim(kind, [item]).refs)

    outbox.run_items(tenant, kind, [item])
    assert seen == []
    assert items(kind) == []


def test_items_whose_runner_died_are_run_each_alone(tenant, handled):
    kind, calls = handled
    ids = [owe(kind, n=n) for n in range(3)]
    outbox._claim(kind, ids[:2])
    with tenant_transaction():
        WorkItem.objects.filter(kind=kind).update(due=now() - timedelta(seconds=1))
    outbox.run_items(tenant, kind, ids)
    assert [ns for _, ns in calls] == [[2], [0], [1]]


def test_an_item_whose_runners_keep_dying_is_dead(tenant, handled):
    kind, calls = handled
    item = owe(kind, n=1)
    for _ in range(outbox.MOST_ATTEMPTS):
        outbox._claim(kind, [item])
        with tenant_transaction():
            WorkItem.objects.filter(kind=kind).update(due=now() - timedelta(seconds=1))
    outbox.run_items(tenant, kind, [item])
    assert calls == []
    assert (items(kind)[0].state, items(kind)[0].failure) == ("dead", outbox.LOST)


def test_what_waits_for_a_part_that_is_away_never_dies_of_it(tenant, handled):
    kind, _ = handled
    item = owe(kind, n=1)

    @outbox.handles(kind)
    def away(refs):
        raise Unavailable

    for _ in range(outbox.MOST_ATTEMPTS + 1):
        outbox.run_items(tenant, kind, [item])
    (left,) = items(kind)
    assert (left.state, left.attempts, left.failure) == ("due", 0, "Unavailable")
    assert left.due > now()


def test_nothing_is_begun_when_time_is_up_and_what_is_left_is_due(tenant, handled):
    kind, calls = handled
    ids = [owe(kind, n=1), owe(kind, n=2, fail=True)]
    outbox.run_items(tenant, kind, ids, until=time.monotonic() - 1)
    assert calls == []
    assert [(each.runner, each.due <= now()) for each in items(kind)] == [(None, True)] * 2


def test_a_handler_can_settle_its_items_in_its_own_last_transaction(tenant, handled):
    kind, _ = handled
    ids, left = [owe(kind, n=n) for n in range(2)], []

    @outbox.handles(kind)
    def settles(refs):
        with tenant_transaction():
            outbox.settle()
        left.append(len(items(kind)))

    outbox.run_items(tenant, kind, ids)
    assert left == [0], "both at once, before the handler returned"


def test_items_whose_settling_was_undone_are_tried_again(tenant, handled):
    kind, _ = handled
    item = owe(kind, n=1)

    @outbox.handles(kind)
    def fails(refs):
        with tenant_transaction():
            outbox.settle()
            raise RuntimeError

    outbox.run_items(tenant, kind, [item])
    (left,) = items(kind)
    assert (left.attempts, left.state, left.failure) == (1, "due", "RuntimeError")


def test_nothing_is_settled_where_nothing_runs(tenant, handled):
    kind, _ = handled
    owe(kind, n=1)
    with tenant_transaction():
        outbox.settle()
    assert len(items(kind)) == 1


@pytest.mark.parametrize(("owed", "more"), [(3, False), (4, True)])
def test_a_full_load_says_that_more_may_be_due(tenant, handled, superuser, owed, more):
    superuser.execute("DELETE FROM kernel_workitem")  # what other tests left over
    with tenant_transaction():
        outbox.enqueue_many(handled[0], [{"n": n} for n in range(owed)])
    assert leasing.full(leasing.lease_due(4), 4) is more


def test_of_heavy_work_fewer_items_are_a_full_load(tenant, handled, superuser):
    superuser.execute("DELETE FROM kernel_workitem")
    with tenant_transaction():
        outbox.enqueue_many(handled[0], [{"n": n} for n in range(9)], queue=outbox.SLOW)
    assert leasing.full(leasing.lease_due(16), 16)


@pytest.fixture
def crowd(monkeypatch, tenant, handled, superuser):
    """Four tenants that have much waiting, and how many of them a lease serves."""
    kind, _ = handled
    monkeypatch.setattr(leasing, "WINDOW", 20)
    monkeypatch.setattr(leasing, "_turns", leasing.Turns())
    superuser.execute("DELETE FROM kernel_workitem")  # what other tests left over
    tenants = [new_tenant() for _ in range(4)]
    for each in tenants:
        with tenant_scope(each), tenant_transaction():
            outbox.enqueue_many(kind, [{"n": n} for n in range(30)])
    return tenants


def served(limit):
    return [lease.tenant_id for lease in leasing.lease_queue(Queue.INDEX, limit)]


def test_of_a_long_backlog_every_tenant_is_served_alike(crowd):
    assert Counter(served(8)) == dict.fromkeys(crowd, 2)


def test_with_more_tenants_than_places_the_round_goes_on_where_it_stood(crowd):
    assert Counter(served(3) + served(3) + served(2)) == dict.fromkeys(crowd, 2)


def test_a_newcomer_need_not_wait_until_a_backlog_is_done(crowd, tenant, handled):
    owe(handled[0], n=1)
    assert tenant in served(8)


def test_a_backlog_is_leased_in_the_order_it_fell_due(crowd):
    with tenant_scope(crowd[0]), tenant_transaction():
        first = list(WorkItem.objects.order_by("due", "id").values_list("id", flat=True)[:2])
    assert [lease.id for lease in leasing.lease_queue(Queue.INDEX, 8) if lease.tenant_id == crowd[0]] == first


def test_what_was_leased_and_not_begun_is_due_again_when_its_relay_fails(tenant, other_tenant, handled, monkeypatch):
    kind, calls = handled
    for each in (tenant, other_tenant):
        with tenant_scope(each):
            owe(kind, n=1)

    def fails(*_):
        raise OSError("the database went away")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="went away"):
        patched.setattr(outbox, "run_items", fails)
        outbox.run_due()
    outbox.run_due()
    assert {each for each, _ in calls} == {tenant, other_tenant}

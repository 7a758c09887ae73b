"""Attempts: counted in the database for all processes, exactly, and forgotten when they say nothing any more."""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.db.models import F

from audit.origin import DIRECTORY
from foundation.kernel import clock
from foundation.kernel.problems import RateLimited
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.rest.throttles import Rate
from tenants import attempts
from tenants.models import Attempt

RATE = Rate(burst=3, per_second=1 / 600)


@pytest.fixture(autouse=True)
def nothing_tried():
    with tenant_scope(DIRECTORY), tenant_transaction():
        Attempt.objects.all().delete()


def tries(n, name="ana", rate=RATE, **given):
    """How each of `n` attempts ends: 0, or the seconds to wait."""
    told = []
    for _ in range(n):
        try:
            attempts.spend("test", name, rate, told="Too many.", **given)
            told.append(0)
        except RateLimited as refused:
            told.append(refused.retry_after)
    return told


def later(**passed):
    """As if so much time had passed in the database."""
    with tenant_transaction():
        Attempt.objects.update(full_at=F("full_at") - timedelta(**passed))


def test_a_burst_is_let_through_and_then_one_at_a_time(tenant):
    *first, fourth = tries(4)
    assert first == [0, 0, 0]
    assert 590 < fourth <= 600
    later(seconds=500)
    assert 0 < tries(1)[0] <= 100
    later(seconds=100)
    assert [bool(each) for each in tries(2)] == [False, True]
    later(days=1)
    assert [bool(each) for each in tries(4)] == [False, False, False, True]


def test_a_wrong_clock_of_ours_changes_nothing(tenant):
    with clock.frozen(clock.now() + timedelta(hours=2)):
        tries(1)
    assert [bool(each) for each in tries(3)] == [False, False, True]
    with clock.frozen(clock.now() + timedelta(hours=2)):
        assert tries(1)[0]


def test_names_kinds_and_tenants_are_counted_apart(tenant, other_tenant):
    assert tries(4)[-1]
    assert tries(1, name="bo") == [0]
    attempts.spend("another", "ana", RATE, told="Too many.")
    with tenant_scope(other_tenant):
        assert tries(1) == [0]


def test_what_names_no_tenant_is_counted_for_all_together(tenant, other_tenant):
    assert tries(2, of_platform=True) == [0, 0]
    with tenant_scope(other_tenant):
        assert [bool(each) for each in tries(2, of_platform=True)] == [False, True]


def test_many_at_once_get_no_more_than_the_burst(tenant):
    """Each thread has a connection of its own, as each process has: nothing is counted in memory."""
    told = []

    def work():
        try:
            with tenant_scope(tenant):
                told.extend(tries(3, rate=Rate(7, 0.001)))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(told), told.count(0)) == (18, 7)


def test_what_is_over_is_forgotten_by_what_comes_after(tenant):
    for n in range(5):
        tries(1, name=f"name {n}")
    assert rows() == 5
    later(seconds=600)
    tries(1, name="another")
    assert rows() == 1


def rows():
    with tenant_transaction():
        return Attempt.objects.count()


def test_no_name_lies_in_the_table(tenant, superuser):
    tries(1, name="203.0.113.7")
    stored = str(superuser.execute("SELECT t::text FROM tenants_attempt t").fetchall())
    assert str(tenant) in stored
    assert "203.0.113.7" not in stored

"""Attempts: counted in the database for all processes, exactly, and forgotten when they say nothing any more."""

import threading
from datetime import timedelta

import pytest
from django.db import connections

from audit.origin import DIRECTORY
from foundation.kernel import clock
from foundation.kernel.problems import RateLimited
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.rest.throttles import Rate
from tenants import attempts
from tenants.models import Attempt

RATE = Rate(burst=3, per_second=0.1)


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


def test_a_burst_is_let_through_and_then_one_at_a_time(tenant):
    at = clock.now()
    with clock.frozen(at):
        assert tries(5) == [0, 0, 0, 10, 10]
    with clock.frozen(at + timedelta(seconds=9)):
        assert tries(1) == [1]
    with clock.frozen(at + timedelta(seconds=10)):
        assert tries(2) == [0, 10]
    with clock.frozen(at + timedelta(days=1)):
        assert tries(4) == [0, 0, 0, 10]


def test_names_kinds_and_tenants_are_counted_apart(tenant, other_tenant):
    with clock.frozen(clock.now()):
        assert tries(4)[-1]
        assert tries(1, name="bo") == [0]
        attempts.spend("another", "ana", RATE, told="Too many.")
        with tenant_scope(other_tenant):
            assert tries(1) == [0]


def test_what_names_no_tenant_is_counted_for_all_together(tenant, other_tenant):
    with clock.frozen(clock.now()):
        assert tries(2, of_platform=True) == [0, 0]
        with tenant_scope(other_tenant):
            assert tries(2, of_platform=True) == [0, 10]


def test_many_at_once_get_no_more_than_the_burst(tenant):
    """Each thread has a connection of its own, as each process has: nothing is counted in memory."""
    at, told = clock.now(), []

    def work():
        try:
            with tenant_scope(tenant), clock.frozen(at):
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
    at = clock.now()
    with clock.frozen(at):
        for n in range(5):
            tries(1, name=f"name {n}")
        assert rows() == 5
    with clock.frozen(at + timedelta(seconds=10)):
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

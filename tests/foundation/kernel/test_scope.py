"""Scope, the unit of work and row-level security, on the real database as the application's role."""

import os
import socket
import uuid

import psycopg
import pytest
from django.db import OperationalError, connections

from foundation.kernel.models import WorkItem
from foundation.kernel.outbox import enqueue
from foundation.kernel.scope import (
    NoTenantInScope,
    NoTenantTransaction,
    current_tenant,
    current_work,
    savepoint,
    tenant_scope,
    tenant_transaction,
)


def rows_without_filters():
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM kernel_workitem")
        return {row[0] for row in cursor.fetchall()}


def owe(kind="test.none"):
    with tenant_transaction():
        return enqueue(kind, {})


def test_without_a_scope_nothing_is_read(database):
    with pytest.raises(NoTenantInScope):
        WorkItem.objects.all()


def test_without_a_transaction_nothing_is_read(tenant):
    with pytest.raises(NoTenantTransaction):
        WorkItem.objects.all()


def test_scopes_nest_and_come_back(tenant):
    inner = uuid.uuid4()
    with tenant_scope(inner):
        assert current_tenant() == inner
    assert current_tenant() == tenant


def test_another_tenants_transaction_cannot_stand_inside(tenant):
    with tenant_transaction(), tenant_scope(uuid.uuid4()), pytest.raises(NoTenantTransaction), tenant_transaction():
        pass


def test_a_filterless_query_sees_one_tenant_only(tenant, other_tenant):
    owe()
    with tenant_scope(other_tenant):
        owe()
    with tenant_transaction():
        assert rows_without_filters() == {tenant}


def test_a_query_without_a_tenant_set_raises(tenant):
    owe()
    with pytest.raises(Exception, match="app.tenant_id|type uuid") as raised:
        rows_without_filters()
    assert isinstance(raised.value.__cause__, psycopg.Error)


def test_a_row_of_another_tenant_cannot_be_written(tenant, other_tenant):
    with pytest.raises(Exception, match="row-level security"), tenant_transaction():
        WorkItem(tenant_id=other_tenant, kind="test.none", ref={}).save(force_insert=True)


def test_a_savepoint_takes_its_rows_and_its_buffer_with_it(tenant):
    with tenant_transaction() as work:
        work.buffer("kept").append(1)
        with pytest.raises(ValueError, match="undo"), savepoint():
            work.buffer("kept").append(2)
            work.buffer("new").append(3)
            enqueue("test.none", {})
            raise ValueError("undo")
        assert (work.buffer("kept"), work.buffer("new")) == ([1], [])
        assert not WorkItem.objects.exists()


def test_last_statements_run_once_and_in_order(tenant):
    order = []
    with tenant_transaction() as work:
        work.before_commit(lambda _: order.append("first"))
        with tenant_transaction() as inner:
            assert inner is work
            inner.before_commit(lambda _: order.append("second"))
        work.at_last(lambda _: order.append("last"))
        work.before_commit(lambda _: order.append("third"))
        work.after_commit(lambda: order.append("committed"))
        assert order == []
    assert order == ["first", "second", "third", "last", "committed"]


def test_an_abort_tells_that_its_outcome_is_known(tenant):
    told = []
    with pytest.raises(ValueError, match="no"), tenant_transaction() as work:
        work.after_abort(told.append)
        raise ValueError("no")
    assert told == [False]


def test_a_snapshot_does_not_move(tenant):
    with tenant_transaction(snapshot=True) as work:
        before = WorkItem.objects.count()
        with connections["default"].cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            assert cursor.fetchone() == ("repeatable read",)
        assert before == WorkItem.objects.count() == 0
        assert current_work() is work


def waits():
    """Whether the open transaction's COMMIT waits for the disk."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        return cursor.fetchone() == ("on",)


@pytest.fixture
def durable(tenant):
    """The test's own cluster waits for no disk; this connection of it does."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
        yield
        cursor.execute("RESET synchronous_commit")


def test_only_what_need_not_last_is_not_waited_for(tenant, durable):
    with tenant_transaction(lasting=False):
        assert not waits()
    with tenant_transaction():
        assert waits()


def test_what_need_not_last_lasts_with_what_it_joins(tenant, durable):
    with tenant_transaction(), tenant_transaction(lasting=False):
        assert waits()


def test_a_transaction_began_when_the_database_says_so(tenant):
    with tenant_transaction() as work, connections["default"].cursor() as cursor:
        cursor.execute("SELECT now()")
        assert cursor.fetchone() == (work.began,)


def hang_up(connection, _):
    """The network goes: the server has said nothing."""
    with socket.socket(fileno=os.dup(connection.pgconn.socket)) as line:
        line.shutdown(socket.SHUT_RDWR)


def end(connection, superuser):
    """The server ends the connection, and says so."""
    superuser.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])


@pytest.mark.parametrize("lose", [hang_up, end])
def test_a_transaction_on_a_lost_connection_does_not_begin_and_the_next_one_does(tenant, superuser, lose):
    with tenant_transaction():
        pass
    lose(connections["default"].connection, superuser)
    with pytest.raises(OperationalError), tenant_transaction():
        raise AssertionError("it began")
    with tenant_transaction():
        assert WorkItem.objects.count() == 0

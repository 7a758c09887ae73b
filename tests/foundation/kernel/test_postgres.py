"""A connection that its server ended is not used again; one that is quiet is not asked."""

import psycopg
import pytest
from django.db import connections

from foundation.kernel.scope import tenant_transaction


@pytest.fixture
def connection(tenant):
    with tenant_transaction():
        pass
    return connections["default"]


def as_at_the_next_request(connection):
    connection.health_check_done = False
    connection.close_if_health_check_failed()


def ended_by_its_server(cluster, connection):
    with psycopg.connect(cluster.superuser_url(), autocommit=True) as superuser:
        pid = connection.connection.info.backend_pid
        superuser.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_a_quiet_connection_is_not_asked(connection, monkeypatch):
    monkeypatch.setattr(connection.connection, "cursor", None)
    assert connection.is_usable()
    connection.errors_occurred = True
    with pytest.raises(TypeError):
        connection.is_usable()  # the control: it is asked where something went wrong
    connection.errors_occurred = False


def test_one_that_its_server_ended_is_made_anew(connection, cluster):
    old = connection.connection
    ended_by_its_server(cluster, connection)
    assert not connection.is_usable()
    as_at_the_next_request(connection)
    with tenant_transaction():
        assert connection.connection is not old


def test_one_that_was_closed_is_made_anew(connection):
    connection.connection.close()
    as_at_the_next_request(connection)
    with tenant_transaction():
        assert not connection.connection.closed


def test_one_with_a_notice_waiting_is_asked_and_kept(connection):
    kept = connection.connection
    with connection.cursor() as cursor:
        cursor.execute("LISTEN test_postgres")
        with psycopg.connect(connection.connection.info.dsn, password=connection.settings_dict["PASSWORD"]) as other:
            other.execute("NOTIFY test_postgres")
    as_at_the_next_request(connection)
    assert connection.connection is kept
    connection.close()

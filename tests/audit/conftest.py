"""What the ledger's tests share: a quiet beginning, and tampering past every policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

Tamper = Callable[..., int]


@pytest.fixture
def tamper(superuser: psycopg.Connection) -> Tamper:
    """Run SQL as a superuser, past row-level security, grants and triggers; returns how many rows it touched."""
    superuser.execute("SET session_replication_role = replica")

    def run(statement: str, *values: object) -> int:
        return superuser.execute(statement, values).rowcount

    return run


@pytest.fixture
def ledger(django_db_setup: None) -> Iterator[None]:
    """Begin with nothing open and nothing waiting from the test before."""
    from audit import heartbeat
    from audit.lanes import pool
    from audit.pin import watch
    from audit.services import sequence

    heartbeat.beat()
    sequence.drain()
    watch.forget()
    yield
    pool.take_open(0.0)

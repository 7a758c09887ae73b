"""Tenant scope and the unit of work.

`tenant_scope` says who; it opens nothing. `tenant_transaction` opens the transaction and tells PostgreSQL, whose
row-level security then shows this tenant's rows and no others (`SET LOCAL`, so a transaction pooler is safe).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from django.db import DatabaseError, InterfaceError, connections, transaction
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEGIN = """BEGIN{}; SELECT set_config('app.tenant_id', '{}', true), (extract(epoch FROM now()) * 1000000)::bigint"""
_SNAPSHOT = " ISOLATION LEVEL REPEATABLE READ"
_PASSING = ", set_config('synchronous_commit', 'off', true)"


class NoTenantInScope(RuntimeError):
    """A tenant's data was asked for outside `tenant_scope`."""


class NoTenantTransaction(RuntimeError):
    """A tenant's rows were asked for outside `tenant_transaction`."""


_tenant: ContextVar[UUID | None] = ContextVar("tenant", default=None)
_work: ContextVar["UnitOfWork | None"] = ContextVar("unit_of_work", default=None)


class UnitOfWork:
    """One open tenant transaction: its tenant, its cursor, its last statements and what follows its end.
    `began` is by the database's clock, which all processes share.

    The cursor is lent to one statement at a time, whose rows are read before the next. Buffers are lists kept for the
    end of the transaction; a savepoint that rolls back truncates them.
    """

    def __init__(self, tenant_id: UUID, using: str) -> None:
        self.tenant_id = tenant_id
        self.using = using
        self.cursor: Any = None
        self.began: datetime
        self.state: dict[str, Any] = {}
        self.buffers: dict[str, list[Any]] = {}
        self._before_commit: list[Callable[[UnitOfWork], None]] = []
        self._at_last: list[Callable[[UnitOfWork], None]] = []
        self._after_commit: list[Callable[[], None]] = []
        self._after_abort: list[Callable[[bool], None]] = []

    def buffer(self, name: str) -> list[Any]:
        return self.buffers.setdefault(name, [])

    def before_commit(self, act: Callable[["UnitOfWork"], None]) -> None:
        """Run `act(work)` among the transaction's last statements, in order of registration."""
        self._before_commit.append(act)

    def at_last(self, act: Callable[["UnitOfWork"], None]) -> None:
        """Run `act(work)` after all of those."""
        self._at_last.append(act)

    def after_commit(self, act: Callable[[], None]) -> None:
        self._after_commit.append(act)

    def after_abort(self, act: Callable[[bool], None]) -> None:
        """Run `act(unknown)` if the transaction did not commit; `unknown` when COMMIT's outcome cannot be told."""
        self._after_abort.append(act)

    def finish(self) -> None:
        for acts in (self._before_commit, self._at_last):
            while acts:
                acts.pop(0)(self)

    def committed(self) -> None:
        for act in self._after_commit:
            act()

    def aborted(self, *, unknown: bool) -> None:
        for act in self._after_abort:
            act(unknown)


@contextmanager
def tenant_scope(tenant_id: UUID) -> Iterator[UUID]:
    """Work for `tenant_id` inside the block; the outer scope comes back after it."""
    token = _tenant.set(tenant_id)
    try:
        yield tenant_id
    finally:
        _tenant.reset(token)


def current_tenant() -> UUID:
    """The tenant in scope; raises `NoTenantInScope`."""
    tenant_id = _tenant.get()
    if tenant_id is None:
        raise NoTenantInScope
    return tenant_id


def current_work() -> UnitOfWork:
    """The open unit of work of the tenant in scope; raises `NoTenantTransaction` or `NoTenantInScope`."""
    tenant_id, work = current_tenant(), _work.get()
    if work is None or work.tenant_id != tenant_id:
        raise NoTenantTransaction
    return work


def in_transaction() -> bool:
    """Whether a unit of work is open, for any tenant."""
    return _work.get() is not None


@contextmanager
def tenant_transaction(using: str = "default", *, snapshot: bool = False, lasting: bool = True) -> Iterator[UnitOfWork]:
    """One transaction of the tenant in scope. An inner call on the same database joins the outer one; on another
    database it is a transaction of its own, with its own end.

    `snapshot` reads from one REPEATABLE READ snapshot; only the outermost call may ask for it. One that need not be
    `lasting` is not waited for: a crash of the database may take it, though nothing that was committed after it stays.
    """
    tenant_id, outer = current_tenant(), _work.get()
    if outer is not None and outer.tenant_id != tenant_id:
        raise NoTenantTransaction("another tenant's transaction is open")
    if outer is not None and outer.using == using:
        yield outer
        return
    work = UnitOfWork(tenant_id, using)
    token = _work.set(work)
    try:
        begin = _BEGIN.format(_SNAPSHOT if snapshot else "", tenant_id) + ("" if lasting else _PASSING)
        yield from _run(work, begin.encode())
    finally:
        _work.reset(token)
    work.committed()


def _run(work: UnitOfWork, begin: bytes) -> Iterator[UnitOfWork]:
    committing = False
    try:
        with (
            transaction.atomic(using=work.using, durable=True),
            connections[work.using].cursor() as work.cursor,
        ):
            work.began = _begin(work.using, begin)
            yield work
            work.finish()
            committing = True
    except BaseException as error:
        # A connection lost while COMMIT was under way leaves its outcome unknown.
        lost = isinstance(error, InterfaceError | DatabaseError)
        work.aborted(unknown=committing and lost)
        raise


def _begin(using: str, statements: bytes) -> datetime:
    """Begin the transaction, and tell its tenant and its time, by one message: the driver would send BEGIN by itself
    first, and takes several times as long for either. The tenant's id is no secret (`Registry`), and no text."""
    connection = connections[using]
    with connection.wrap_database_errors:
        result = connection.connection.pgconn.exec_(statements)
        if connection.connection.closed:  # of its loss the result may tell nothing
            raise psycopg.OperationalError("the connection is lost")
        if result.status != ExecStatus.TUPLES_OK:
            raise error_from_result(result)
    return _EPOCH + timedelta(microseconds=int(result.get_value(0, 1)))


@contextmanager
def savepoint() -> Iterator[None]:
    """A savepoint in the open unit of work: if the block raises, its rows and its buffered entries are undone."""
    work = current_work()
    marks = {name: len(entries) for name, entries in work.buffers.items()}
    try:
        with transaction.atomic(using=work.using):
            yield
    except BaseException:
        for name, entries in work.buffers.items():
            del entries[marks.get(name, 0) :]
        raise

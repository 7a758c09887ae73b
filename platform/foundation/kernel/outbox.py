"""The outbox of work: the queue of record is the database.

A change and the work it owes are one transaction. The relay leases due items; the work runs as the application, in the
tenant's scope. Who runs an item claims it first and keeps the claim alive, so that nobody else runs it meanwhile; if he
dies, the claim ends and the item is due again. Handlers are idempotent all the same: an item may run twice.

A failing item is tried again with growing delays and, after `MOST_ATTEMPTS`, stays visible as dead. One whose runs end
without a word (it kills its process) is tried alone and ends the same way. What fails because a part is away
(`Unavailable`) waits for that part, however long it takes.
"""

import json
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connections
from django.db.models import DurationField, F
from django.db.models.functions import Greatest, Least, Now

from foundation.kernel.closing import Part, close_with
from foundation.kernel.ids import uuid7
from foundation.kernel.leasing import EVERY, Lease, Queue, lease_due, release
from foundation.kernel.models import WorkItem
from foundation.kernel.problems import Unavailable
from foundation.kernel.rows import execute, insert
from foundation.kernel.scope import UnitOfWork, current_tenant, current_work, tenant_scope, tenant_transaction
from foundation.kernel.watching import Begun, watch

CHANNEL = "memwrit_work"
LOAD = 16
"""Items of a queue that are leased together."""
MOST_ATTEMPTS = 12
SLOW = Queue.SLOW
CLAIM = timedelta(seconds=30)
"""How soon after its runner's death an item is due again. The runner renews it three times as often."""
SOONEST, LATEST = timedelta(seconds=2), timedelta(seconds=60)
"""When what a part is missing for is tried again."""
LOST = "RunnerLost"
Handler = Callable[[Sequence[dict[str, Any]]], None]

_CLAIM = """
WITH free AS MATERIALIZED (
  SELECT id FROM kernel_workitem
   WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s) AND kind = %(kind)s AND state = 'due'
     AND (runner IS NULL OR due <= statement_timestamp()) ORDER BY id FOR UPDATE SKIP LOCKED),
mine AS (
  UPDATE kernel_workitem w SET runner = %(runner)s, due = statement_timestamp() + %(claim)s, attempts = attempts + 1
    FROM free WHERE w.tenant_id = %(tenant)s AND w.id = free.id
     AND (attempts = 0 OR %(alone)s AND attempts < %(most)s)
  RETURNING w.id, ref, trace, created_at)
SELECT free.id, mine.id IS NOT NULL, mine.id, ref, trace, created_at
  FROM free LEFT JOIN mine USING (id) ORDER BY free.id
"""
_DONE = "DELETE FROM kernel_workitem WHERE tenant_id = %s AND id = ANY(%s)"

log = logging.getLogger(__name__)
_handlers: dict[str, Handler] = {}


def handles(kind: str) -> Callable[[Handler], Handler]:
    """Register the handler of `kind`. It gets the refs of one or more items of one tenant, inside its scope and
    outside any transaction, and must be idempotent."""

    def register(handler: Handler) -> Handler:
        _handlers[kind] = handler
        return handler

    return register


def enqueue(kind: str, ref: dict[str, Any], *, due: datetime | None = None, queue: str = Queue.INDEX) -> UUID:
    """Owe `kind` for `ref` (ids only) once the open transaction commits."""
    return enqueue_many(kind, [ref], due=due, queue=queue)[0]


def enqueue_many(
    kind: str, refs: Sequence[dict[str, Any]], *, due: datetime | None = None, queue: str = Queue.INDEX
) -> list[UUID]:
    """Owe `kind` once for each of `refs`, at once unless `due` says when. Raises `ValueError` for a queue that nobody
    would work."""
    items = owed(kind, refs, due=due, queue=queue)
    insert(items)
    return [item.id for item in items]


def owed(
    kind: str, refs: Sequence[dict[str, Any]], *, due: datetime | None = None, queue: str = Queue.INDEX
) -> list[WorkItem]:
    """As `enqueue_many`; the items are the caller's to insert in this transaction, together with other rows."""
    work, into = current_work(), Queue(queue)
    fields = {"kind": kind, "queue": into, "due": due, "trace": watch().carry() or None}
    if not work.state.setdefault("nudges", False):
        work.state["nudges"] = True
        work.before_commit(_nudge)
    return [WorkItem(id=uuid7(), ref=ref, **fields) for ref in refs]


def run_due(limit: int = LOAD, queues: Collection[Queue] = EVERY) -> int:
    """Lease and run up to `limit` due items of each queue, every tenant in its turn; returns how many were leased."""
    leases = lease_due(limit, queues)
    run_leased(leases)
    return len(leases)


def run_leased(leases: Sequence[Lease]) -> None:
    """Run what was leased, a tenant's items of one kind together."""
    groups: dict[tuple[UUID, str], list[UUID]] = defaultdict(list)
    for lease in leases:
        groups[lease.tenant_id, lease.kind].append(lease.id)
    try:
        for (tenant_id, kind), ids in groups.items():
            run_items(tenant_id, kind, ids)
    except BaseException:
        release(leases)  # those nobody claimed: else nothing takes them before their lease ends
        raise


def run_items(tenant_id: UUID, kind: str, ids: Sequence[UUID], *, until: float | None = None) -> None:
    """Run items of one kind together; if that fails, each alone, so that one bad item holds up no other. Those whose
    last run did not end well are run alone at once: one of them may be what ends its runner.

    Nothing is begun after `until` (of the monotonic clock); what is left is due again.
    """
    with tenant_scope(tenant_id):
        suspect = _run(kind, ids, until)
        for item_id in suspect:
            if until is None or time.monotonic() < until:
                _run(kind, [item_id], until)


def waiting(tenant_id: UUID) -> int:
    """How many items the tenant is still owed (dead ones not counted)."""
    with tenant_scope(tenant_id), tenant_transaction():
        return WorkItem.objects.filter(state=WorkItem.State.DUE).count()


def settle() -> None:
    """Make the running items' end part of the open transaction, for a handler whose last one it is: what it did, and
    that it is done, are one then. Where nothing runs, nothing happens."""
    if (run := _running.get()) is not None:
        _done(run.ids)
        current_work().after_commit(run.settle)


class _Run:
    """Items at which a handler is."""

    def __init__(self, ids: Sequence[UUID]) -> None:
        self.ids = ids
        self.settled = False

    def settle(self) -> None:
        self.settled = True


_running: ContextVar[_Run | None] = ContextVar("running", default=None)


@dataclass(slots=True)
class _Claim:
    """What one runner has taken: the refs of the items that are not settled yet. `suspect`: what it left."""

    runner: UUID
    refs: dict[UUID, dict[str, Any]]
    suspect: list[UUID]
    begun: dict[UUID, Begun]


def _run(kind: str, ids: Sequence[UUID], until: float | None) -> list[UUID]:
    """Claim and run; returns the items that are to be run alone."""
    with _claimed(kind, ids) as claim:
        together = list(claim.refs)
        if together and not _attempt(kind, claim, together):
            for item_id in together:
                if until is None or time.monotonic() < until:
                    _attempt(kind, claim, [item_id])
    return claim.suspect


def _attempt(kind: str, claim: _Claim, ids: Sequence[UUID]) -> bool:
    """Run the items. Whether that settled them: done, put off, or left to their part's return."""
    try:
        with watch().running(kind, [claim.begun[item_id] for item_id in ids]):
            _handle(kind, ids, [claim.refs[item_id] for item_id in ids])
    except Unavailable:
        log.warning("work waits for a part that is away: kind=%s items=%d", kind, len(ids))
        _await(ids)
    except Exception as error:
        # The exception's text may hold content: only its class is kept.
        log.warning("work failed: kind=%s items=%d error=%s", kind, len(ids), type(error).__name__)
        if len(ids) > 1:
            return False
        _postpone(ids[0], type(error).__name__)
    for item_id in ids:
        del claim.refs[item_id]
    return True


def _handle(kind: str, ids: Sequence[UUID], refs: Sequence[dict[str, Any]]) -> None:
    token = _running.set(run := _Run(ids))
    try:
        _handlers[kind](refs)
    finally:
        _running.reset(token)
    if not run.settled:
        _done(ids)


@contextmanager
def _claimed(kind: str, ids: Sequence[UUID]) -> Iterator[_Claim]:
    """Those of the items that nobody else runs, claimed for as long as the block lasts."""
    claim, ended = _claim(kind, ids), threading.Event()
    if not claim.refs:
        yield claim
        return
    keeper = threading.Thread(target=_keep, args=(current_tenant(), claim.runner, ended), name="claim", daemon=True)
    keeper.start()
    try:
        yield claim
    finally:
        ended.set()
        keeper.join()
        if claim.refs:
            _let_go(claim.runner)


def _claim(kind: str, ids: Sequence[UUID]) -> _Claim:
    """Take what is free. Of several items those that were begun before are left, to be run alone."""
    runner, alone = uuid4(), len(ids) == 1
    with tenant_transaction() as work:
        asked = {"tenant": work.tenant_id, "ids": list(ids), "kind": kind, "alone": alone}
        found = execute(_CLAIM, asked | {"runner": runner, "claim": CLAIM, "most": MOST_ATTEMPTS})
        left = [item_id for item_id, taken, *_ in found if not taken]
        if alone and left:
            WorkItem.objects.filter(id__in=left).update(state=WorkItem.State.DEAD, failure=LOST, runner=None)
    mine = [row for item_id, taken, *row in found if taken]
    refs = {item_id: json.loads(ref) for item_id, ref, _, _ in mine}
    begun = {item_id: Begun(item_id, trace or "", owed_at) for item_id, _, trace, owed_at in mine}
    return _Claim(runner, refs, [] if alone else left, begun)


def _keep(tenant_id: UUID, runner: UUID, ended: threading.Event) -> None:
    """Renew the claim until its work has ended. A claim that cannot be renewed ends by itself."""
    try:
        while not ended.wait(CLAIM.total_seconds() / 3):
            with tenant_scope(tenant_id), tenant_transaction():
                WorkItem.objects.filter(runner=runner).update(due=Now() + CLAIM)
    except Exception as error:
        log.warning("a claim was not renewed: error=%s", type(error).__name__)
    finally:
        connections.close_all()


def _let_go(runner: UUID) -> None:
    """What was claimed and not settled is due at once."""
    with tenant_transaction():
        WorkItem.objects.filter(runner=runner).update(runner=None, due=Now())


def _done(ids: Sequence[UUID]) -> None:
    with tenant_transaction() as work:
        execute(_DONE, [work.tenant_id, list(ids)])


def _await(ids: Sequence[UUID]) -> None:
    """It was no fault of the items', and is not counted as one. The longer they wait, the seldomer they are tried."""
    pause = Least(Greatest((Now() - F("created_at")) / 2, SOONEST), LATEST, output_field=DurationField())
    with tenant_transaction():
        mine = WorkItem.objects.filter(id__in=ids)
        mine.update(runner=None, due=Now() + pause, attempts=F("attempts") - 1, failure=Unavailable.__name__)


def _postpone(item_id: UUID, failure: str) -> None:
    with tenant_transaction():
        item = WorkItem.objects.select_for_update().filter(id=item_id).first()
        if item is None:
            return
        due = Now() + timedelta(seconds=min(2**item.attempts, 600))
        state = WorkItem.State.DEAD if item.attempts >= MOST_ATTEMPTS else WorkItem.State.DUE
        WorkItem.objects.filter(id=item_id).update(runner=None, failure=failure[:64], due=due, state=state)


def _nudge(_: UnitOfWork) -> None:
    close_with(Part((f"pg_notify('{CHANNEL}', '')",)))

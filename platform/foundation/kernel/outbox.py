"""The outbox of work: the queue of record is the database.

A change and the work it owes are one transaction. The relay leases due items; the work runs as the application, in the
tenant's scope. Who runs an item claims it first and keeps the claim alive, so that nobody else runs it meanwhile; if he
dies, the claim ends and the item is due again. Handlers are idempotent all the same: an item may run twice.

A failing item is tried again with growing delays and, after `MOST_ATTEMPTS`, stays visible as dead. One whose runs end
without a word (it kills its process) is tried alone and ends the same way. What fails because a part is away
(`Unavailable`) waits for that part, however long it takes.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connections
from django.db.models import DurationField, F, Q
from django.db.models.functions import Greatest, Least, Now

from foundation.kernel.ids import uuid7
from foundation.kernel.leasing import EVERY, Queue, lease_due, release
from foundation.kernel.models import WorkItem
from foundation.kernel.problems import Unavailable
from foundation.kernel.rows import insert
from foundation.kernel.scope import UnitOfWork, current_tenant, current_work, tenant_scope, tenant_transaction
from foundation.kernel.watching import Begun, watch

CHANNEL = "memwrit_work"
MOST_ATTEMPTS = 12
SLOW = Queue.SLOW
CLAIM = timedelta(seconds=30)
"""How soon after its runner's death an item is due again. The runner renews it three times as often."""
SOONEST, LATEST = timedelta(seconds=2), timedelta(seconds=60)
"""When what a part is missing for is tried again."""
LOST = "RunnerLost"
Handler = Callable[[Sequence[dict[str, Any]]], None]

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
    work, into = current_work(), Queue(queue)
    trace = watch().carry() or None
    owed = {"kind": kind, "queue": into, "due": due, "trace": trace}
    items = [WorkItem(id=uuid7(), ref=ref, **owed) for ref in refs]
    insert(items)
    if not work.state.setdefault("nudges", False):
        work.state["nudges"] = True
        work.before_commit(_nudge)
    return [item.id for item in items]


def run_due(limit: int = 16, queues: Collection[Queue] = EVERY) -> int:
    """Lease and run up to `limit` due items of each queue, every tenant in its turn; returns how many were leased."""
    leases = lease_due(limit, queues)
    groups: dict[tuple[UUID, str], list[UUID]] = defaultdict(list)
    for lease in leases:
        groups[lease.tenant_id, lease.kind].append(lease.id)
    try:
        for (tenant_id, kind), ids in groups.items():
            run_items(tenant_id, kind, ids)
    except BaseException:
        release(leases)  # those nobody claimed: else nothing takes them before their lease ends
        raise
    return len(leases)


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
            _handlers[kind]([claim.refs[item_id] for item_id in ids])
            _done(ids)
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
    runner, free = uuid4(), Q(runner=None) | Q(due__lte=Now())
    with tenant_transaction():
        items = WorkItem.objects.filter(free, id__in=ids, kind=kind, state=WorkItem.State.DUE).order_by("id")
        found = list(items.select_for_update(skip_locked=True))
        mine = [item for item in found if not item.attempts or len(ids) == 1]
        worn = [item.id for item in mine if item.attempts >= MOST_ATTEMPTS]
        if worn:
            WorkItem.objects.filter(id__in=worn).update(state=WorkItem.State.DEAD, failure=LOST, runner=None)
        refs = {item.id: item.ref for item in mine if item.id not in worn}
        if refs:
            fields = {"runner": runner, "due": Now() + CLAIM, "attempts": F("attempts") + 1}
            WorkItem.objects.filter(id__in=refs).update(**fields)
    begun = {item.id: Begun(item.id, item.trace or "", item.created_at) for item in mine}
    return _Claim(runner, refs, [item.id for item in found if item not in mine], begun)


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
    with tenant_transaction():
        WorkItem.objects.filter(id__in=ids).delete()


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


def _nudge(work: UnitOfWork) -> None:
    work.cursor.execute(f"NOTIFY {CHANNEL}")

"""Give a tenant's search index a new generation while it is in use: a new key (after erasures), another embedder, or
all of it written anew. One mechanism, in steps that a worker takes one at a time and may take again:

    filling     the new generation is written along with the old one, and filled from the records
    checking    it holds the same versions, and finds what the old one found; else it is discarded (`index_guard`)
    draining    it is asked from now on; the old one still answers who asked before, and is still written
    dropping    the old one is emptied, its key destroyed, and certificates of erasures say so

Needs the eraser's credentials in its last step. Ids and counts are all it leaves in the log.
"""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.conf import settings

from audit.acts import Act
from audit.event import Event
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.models import WorkItem
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal
from foundation.kernel.problems import InProgress, Unavailable
from foundation.kernel.scope import current_tenant, tenant_transaction
from foundation.keyring import keys
from foundation.search import embedders, generations, index
from foundation.search.engine import engine
from foundation.search.models import Swap
from foundation.search.port import Generation
from governance import certificates, embeddings, forgetting, index_guard, indexing
from governance.index_guard import Figures
from governance.models import Operation

KIND = "index.swap"
SLICE = 1.0
"""Seconds of filling after which others have their turn."""
FORSAKEN = timedelta(minutes=15)
"""A swap that has not moved for so long, and for which no work is due, is taken up again."""
_RETRY = timedelta(minutes=1)
_State = Swap.State
OPEN = (_State.FILLING, _State.CHECKING, _State.DRAINING, _State.DROPPING, _State.DISCARDING)
NOTHING: Mapping[str, Any] = MappingProxyType({})
STEPS = ("filling", "checking", "draining", "dropping")


class KeyRemains(RuntimeError):
    """The epoch that wrapped an index key could not be destroyed yet."""


def begin(
    cause: Swap.Cause, *, embedder: str = "", least: int = index_guard.LEAST, due: datetime | None = None
) -> Swap:
    """Begin a new generation, by the embedder an operator names, else by the present one. From the commit on it is
    written along with the old one. The worker goes on with it from `due`. Raises `InProgress` while another is open,
    `UnknownEmbedder`."""
    present = index.written_to()[0]
    chosen = embedders.chosen(embedder) if embedder else embedders.named(present.embedder)
    number = index.free_number()
    with tenant_transaction():
        generations.lock()
        if Swap.objects.filter(state__in=OPEN).exists():
            raise InProgress("The index of this tenant is being swapped already.")
        old, new = generations.live()[0], generations.begin(chosen.name, chosen.dim, least=number)
        swap = Swap(old=old.number, new=new.number, cause=cause, total=indexing.count_served(), least=least)
        swap.save(force_insert=True)
        begun = {"state": Operation.State.RUNNING, "step": swap.state, "total": swap.total}
        Operation(id=swap.id, kind=KIND, **begun).save(force_insert=True)
        _record(swap, Act.INDEX_BEGIN)
        _owe(swap, due)
    return swap


def latest() -> Swap | None:
    """The tenant's last swap, open or not. Opens or joins a transaction."""
    with tenant_transaction():
        return Swap.objects.order_by("-id").first()


def work_on(swap_id: UUID) -> Swap:
    """Take one step, or a slice of it, and owe the next. Idempotent; an error is noted with the swap and raised."""
    swap = advance(swap_id)
    with tenant_transaction():
        if swap.state in OPEN:
            _owe(swap, next_due(swap))
    return swap


def advance(swap_id: UUID) -> Swap:
    """Take one step, or a slice of it; what has been done already, here or by another process, is not done again."""
    swap = _read(swap_id)
    step = _STEPS.get(_State(swap.state))
    try:
        if step:
            step(swap)
    except Exception as error:
        _note(_read(swap_id), type(error).__name__)
        raise
    return _read(swap_id)


def _note(swap: Swap, failure: str) -> None:
    if swap.state != _State.DISCARDING:  # why it is discarded stays to be read
        _change(swap, failure=failure[:64])


def next_due(swap: Swap) -> datetime:
    """When its next step may be taken."""
    if swap.state == _State.DRAINING and swap.switched_at:
        return swap.switched_at + settings.INDEX_DRAIN
    return now()


def stop(swap_id: UUID) -> bool:
    """Give up a swap that has not switched yet; the old generation stays as it is. Whether it was still possible."""
    return _discard(_read(swap_id), "stopped")


def keep_key_fresh() -> Swap | None:
    """A duty: begin a re-key where an erasure is owed one, or the key is gone; take up a swap that was forsaken.

    It begins at half of `INDEX_REKEY_WITHIN`, so that erasures share one, and it is done in time.
    """
    with tenant_transaction():
        last, live = latest(), generations.rows()
    if last and last.state in OPEN:
        return _take_up(last)
    active = next((row for row in live if row.state == row.State.ACTIVE), None)
    if active is None or (last and last.state == _State.STOPPED and _recent(last)):
        return None
    due = active.owed_since and active.owed_since + settings.INDEX_REKEY_WITHIN / 2 <= now()
    gone = not index.opens(generations.numbered(active.number))
    return begin(Swap.Cause.ERASURE if due else Swap.Cause.OPERATOR) if due or gone else None


def _recent(stopped: Swap) -> bool:
    return stopped.finished_at is not None and now() < stopped.finished_at + settings.INDEX_REKEY_WITHIN / 4


def _take_up(swap: Swap) -> Swap:
    with tenant_transaction():
        waiting = WorkItem.objects.filter(kind=KIND, state=WorkItem.State.DUE).exists()
        if not waiting and swap.changed_at <= now() - FORSAKEN:
            _owe(swap, now())
    return swap


def _fill(swap: Swap) -> None:
    into, end = generations.numbered(swap.new), time.monotonic() + SLICE
    while swap.state == _State.FILLING and time.monotonic() < end:
        filled = indexing.fill(into, swap.cursor)
        if filled.last is None:
            indexing.fill_lessons(into)
            _change(swap, state=_State.CHECKING, failure="")
            return
        swap = _progress(swap, filled)


def _progress(swap: Swap, filled: indexing.Filled) -> Swap:
    """Note what was filled, unless another process was ahead: then its progress counts."""
    done = {"done": swap.done + filled.records, "embedded": swap.embedded + filled.embedded}
    return swap if _change(swap, cursor=filled.last, failure="", **done) else _read(swap.id)


def _check(swap: Swap) -> None:
    """Parity first, repaired where it can be, then the answers; switch or discard."""
    old, new = generations.numbered(swap.old), generations.numbered(swap.new)
    difference = _repaired(old, new)
    if difference.records or difference.lessons:
        _discard(swap, "parity")
        return
    figures = index_guard.compare(old, new)
    must_be_alike = old.embedder == new.embedder and difference.same
    if figures.pass_for(alike=must_be_alike, least=swap.least):
        _switch(swap, new, figures)
    else:
        _discard(swap, "recall", figures)


def _repaired(old: Generation, new: Generation) -> index_guard.Difference:
    """What is still different after what was different has been put again."""
    difference = index_guard.difference(old, new)
    for _ in range(2):
        if difference.records:
            indexing.reindex(sorted(difference.records))
        elif difference.lessons:
            indexing.fill_lessons(new)
        else:
            break
        difference = index_guard.difference(old, new)
    return difference


def _switch(swap: Swap, new: Generation, figures: Figures) -> None:
    with tenant_transaction():
        generations.lock()
        if not engine().ready(new):
            raise Unavailable("The new generation is not whole.", retry_after=5)
        if _change(swap, state=_State.DRAINING, switched_at=now(), failure="", **_counts(figures)):
            generations.activate(new, drain=True)
            _record(swap, Act.INDEX_SWITCH, _counts(figures))


def _discard(swap: Swap, why: str, figures: Figures = Figures()) -> bool:
    with tenant_transaction():
        generations.lock()
        if swap.state not in (_State.FILLING, _State.CHECKING):
            return False
        if not _change(swap, state=_State.DISCARDING, failure=why, **_counts(figures)):
            return False
        generations.retire(swap.new)
        _record(swap, Act.INDEX_STOP, _counts(figures), outcome=why)
        return True


def _counts(figures: Figures) -> dict[str, int]:
    return {
        "questions": figures.questions,
        "alike": figures.alike,
        "found_before": figures.found_before,
        "found_after": figures.found_after,
    }


def _drain(swap: Swap) -> None:
    if next_due(swap) > now():
        return
    with tenant_transaction():
        if _change(swap, state=_State.DROPPING, failure=""):
            generations.retire(swap.old)


def _drop(swap: Swap) -> None:
    """Empty the old generation, destroy its key, and say so in the certificates that waited for it."""
    destruction, event = _destroy(swap.old)
    certificates.rekeyed(swap, destruction, event)
    with tenant_transaction():
        if _change(swap, state=_State.DONE, finished_at=now(), failure=""):
            _record(swap, Act.INDEX_DROP, {"assurance": str(destruction.assurance)})


def _clear(swap: Swap) -> None:
    """Empty the new generation and destroy its key."""
    _destroy(swap.new)
    with tenant_transaction():
        _change(swap, state=_State.STOPPED, finished_at=now())


def _destroy(number: int) -> tuple[keys.Destruction, Event]:
    engine().scrub()
    destruction, event = forgetting.destroy_keys([index.key_id(number)])
    if any(shard.destroyed_at is None for shard in destruction.shards):
        raise KeyRemains
    embeddings.drop_all_but({one.embedder for one in generations.live()})
    with tenant_transaction():
        indexing.scrub()
    return destruction, event


_STEPS: dict[Swap.State, Callable[[Swap], None]] = {
    _State.FILLING: _fill,
    _State.CHECKING: _check,
    _State.DRAINING: _drain,
    _State.DROPPING: _drop,
    _State.DISCARDING: _clear,
}


def _read(swap_id: UUID) -> Swap:
    with tenant_transaction():
        swap: Swap = Swap.objects.get(id=swap_id)
    return swap


def _change(swap: Swap, **fields: Any) -> bool:
    """Change the swap and its operation, unless another process has since `swap` was read; returns whether it did."""
    with tenant_transaction():
        same = Swap.objects.filter(id=swap.id, state=swap.state, cursor=swap.cursor)
        if not same.update(changed_at=now(), **fields):
            return False
        for name, value in fields.items():
            setattr(swap, name, value)
        _show(swap)
    return True


def _show(swap: Swap) -> None:
    """The swap as clients see it (inside a transaction)."""
    told: dict[str, Any] = {"done": min(swap.done, swap.total), "step": swap.state}
    if swap.state == _State.DONE:
        told |= {"state": Operation.State.DONE, "done": swap.total, "result": {"generation": swap.new}}
    if swap.state == _State.STOPPED:
        told |= {"state": Operation.State.FAILED, "problem": f"index-{swap.failure}"}
    Operation.objects.filter(id=swap.id).update(**told, finished_at=swap.finished_at)


def _owe(swap: Swap, due: datetime | None) -> None:
    """One item of work for the swap, in place of any other."""
    ref = {"swap": str(swap.id)}
    WorkItem.objects.filter(kind=KIND, ref=ref).delete()
    destroys = swap.state in (_State.DROPPING, _State.DISCARDING)
    enqueue(KIND, ref, due=due, queue="forget" if destroys else "index")


def _record(swap: Swap, act: Act, detail: Mapping[str, Any] = NOTHING, *, outcome: str = "ok") -> None:
    numbers = {"old": swap.old, "new": swap.new, "cause": str(swap.cause)}
    principal = Principal.system(current_tenant())
    record(principal, act, target=Target("index", swap.id, None), outcome=outcome, detail={**numbers, **detail})

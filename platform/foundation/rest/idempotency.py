"""Idempotency-Key on state-changing POSTs: one effect in 24 hours, however often and however brokenly it is sent.

`begin` leases the key in a transaction of its own; `complete`, called by the service inside the change's transaction,
marks it done there, so effect and mark commit together or not at all. A crash leaves a lease, which runs out; where the
database went away the lease is given back once it is there again. An attempt that outlives its lease and was overtaken
fails at its change's end, and its change with it: nothing is done twice.

Nobody waits until a lease is on the disk. A change that is there has its lease there too, for it was written before it;
a lease that a crash of the database took has no change, for whoever held it finds no lease to mark done.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4, uuid5

from django.db import DatabaseError, InterfaceError

from foundation.kernel import clock
from foundation.kernel.canonical import canonical
from foundation.kernel.closing import Part, close_with
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal
from foundation.kernel.problems import IdempotencyMismatch, InProgress, Malformed
from foundation.kernel.rows import execute, first
from foundation.kernel.scope import current_tenant, tenant_scope, tenant_transaction
from foundation.keyring import keys
from foundation.rest.models import IdempotencyKey

HEADER = "Idempotency-Key"
LIFE = timedelta(hours=24)
LEASE = timedelta(seconds=60)
FORGET = "rest.idempotency.forget"
_DAY = "idempotency-day"
_MOST_TRIES = 8
_SAME_DAY = "SELECT 1 FROM rest_idempotencykey d WHERE d.tenant_id = %s AND d.day = %s"
_LEASE = f"""INSERT INTO rest_idempotencykey
(id, tenant_id, scope, body, day, token, lease_until, created_at, resource_ids, statuses)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, '{{}}', '{{}}') ON CONFLICT DO NOTHING RETURNING EXISTS ({_SAME_DAY})"""  # noqa: S608 — a constant
_LEASED = "WHERE tenant_id = %s AND scope = %s AND token = %s AND status IS NULL"
_GIVE_BACK = f"DELETE FROM rest_idempotencykey {_LEASED}"  # noqa: S608 — a constant
_DONE = f"""UPDATE rest_idempotencykey SET status = %s, resource_ids = %s, statuses = %s
{_LEASED} RETURNING true"""  # noqa: S608 — a constant
_FORM = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks, as far as repeating it goes. `route` is the pattern, `path` the request's own."""

    principal: Principal
    method: str
    route: str
    path: str
    key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """What an earlier request with the same key did: its status and the ids it made (a batch: item by item)."""

    status: int
    resource_ids: tuple[UUID, ...]
    statuses: tuple[int, ...]

    @property
    def resource_id(self) -> UUID:
        return self.resource_ids[0]


@dataclass(slots=True)
class Attempt:
    """The request that holds a key's lease."""

    scope: bytes
    token: UUID = field(default_factory=uuid4)
    completed: bool = False


_attempt: ContextVar[Attempt | None] = ContextVar("idempotent_attempt", default=None)
_owed: deque[tuple[UUID, Attempt]] = deque(maxlen=1000)
"""Attempts that changed nothing and could not say so, because the database was away: they would hold their keys until
their leases end. They give them back before this process leases the next."""


def key_of(header: str | None) -> str | None:
    """The header's key: 1 to 255 visible ASCII characters; anything else is malformed."""
    if header is None:
        return None
    if not _FORM.fullmatch(header):
        raise Malformed("Idempotency-Key has 1 to 255 visible ASCII characters.")
    return header


def begin(asked: Asked) -> Attempt | Done:
    """Lease the key, or tell what was done with it.

    Raises `InProgress` (409) while another request holds the lease, `IdempotencyMismatch` (422) for another body.
    """
    _settle()
    mine = _new(asked)
    with tenant_transaction(lasting=False):
        for _ in range(_MOST_TRIES):
            if begun := _leased(mine) or _found(asked, mine):
                return begun
    raise InProgress("Requests with this key come and go.", retry_after=1)


def _new(asked: Asked) -> IdempotencyKey:
    at = clock.now()
    return IdempotencyKey(
        scope=_scope(asked),
        body=_body(asked, at.date().isoformat()),
        day=at.date(),
        token=uuid4(),
        lease_until=at + LEASE,
        created_at=at,
    )


def _leased(mine: IdempotencyKey) -> Attempt | None:
    """The lease of a key that nobody has. Whoever is the first of its day owes the day's forgetting."""
    row = [mine.id, mine.tenant_id, mine.scope, mine.body, mine.day, mine.token, mine.lease_until, mine.created_at]
    told = execute(_LEASE, [*row, mine.tenant_id, mine.day])
    if not told:
        return None
    if told == [(False,)]:
        _owe_forgetting(mine)
    return Attempt(bytes(mine.scope), mine.token)


def _found(asked: Asked, mine: IdempotencyKey) -> Attempt | Done | None:
    """What stands under the key: None if it was given back meanwhile."""
    if not execute(f"{_SAME_DAY} LIMIT 1", [mine.tenant_id, mine.day]):
        _owe_forgetting(mine)
    row = first(IdempotencyKey, "scope = %s", [mine.scope], last="FOR UPDATE")
    if row is None:
        return None
    at = mine.created_at
    if at - row.created_at >= LIFE:
        return _take_over(row, mine)
    if not hmac.compare_digest(bytes(row.body), _body(asked, row.day.isoformat())):
        raise IdempotencyMismatch
    if row.status is not None:
        return Done(row.status, tuple(row.resource_ids), tuple(row.statuses))
    if at < row.lease_until <= at + 2 * LEASE:  # one beyond was given by a wrong clock, and may be overtaken
        raise InProgress("A request with this key is being handled.", retry_after=1)
    return _take_over(row, mine)


def _take_over(row: IdempotencyKey, mine: IdempotencyKey) -> Attempt:
    row.body, row.day, row.token, row.lease_until = mine.body, mine.day, mine.token, mine.lease_until
    row.created_at, row.status, row.resource_ids, row.statuses = mine.created_at, None, [], []
    row.save()
    return Attempt(bytes(row.scope), row.token)


@contextmanager
def attempt(held: Attempt) -> Iterator[Attempt]:
    """Handle a request under `held`. Unless it completes, its end gives the key back."""
    token = _attempt.set(held)
    try:
        yield held
    finally:
        _attempt.reset(token)
        _give_back(held)


def _give_back(held: Attempt) -> bool:
    """Free the key of an attempt that changed nothing; one whose COMMIT got through is marked done and stays. Whether
    the database was there."""
    if held.completed:
        return True
    try:
        with tenant_transaction():
            execute(_GIVE_BACK, [current_tenant(), held.scope, held.token])
    except (DatabaseError, InterfaceError):
        _owed.append((current_tenant(), held))
        return False
    return True


def _settle() -> None:
    """Give back what is owed, until the database is away again."""
    with suppress(IndexError):  # nothing is left, or another thread was quicker
        while True:
            tenant_id, held = _owed.popleft()
            with tenant_scope(tenant_id):
                if not _give_back(held):
                    return


def complete(resource_id: UUID | Sequence[UUID], status: int, *, statuses: Sequence[int] = ()) -> None:
    """Mark the current request's key done, inside the transaction of its change. Without a key: nothing to do.

    Services call it beside their change. `status` is the answer's; for a batch, ids and `statuses` go item by item.
    Where another attempt has overtaken this one, the transaction ends with `InProgress`, which undoes the change.
    """
    held = _attempt.get()
    if held is None:
        return
    ids = [resource_id] if isinstance(resource_id, UUID) else list(resource_id)
    with tenant_transaction() as work:
        values = [status, ids, list(statuses), current_tenant(), held.scope, held.token]
        close_with(Part(("EXISTS (SELECT FROM {})",), _require_lease, writes=_DONE, values=values))
        work.after_commit(lambda: setattr(held, "completed", True))


def _require_lease(standing: bool) -> None:
    if not standing:
        raise InProgress("Another request with this key went ahead.", retry_after=1)


def forget_day(day: str) -> None:
    """Drop the keys of `day` (ISO) and destroy the key their bodies were hashed under. Run by `memwrit tick`."""
    with tenant_transaction():
        IdempotencyKey.objects.filter(day=day).delete()
    # A named key's id is made of its tenant, purpose and name (see foundation.keyring.keys.named).
    keys.destroy([uuid5(current_tenant(), f"{_DAY}/{day}")])


def _owe_forgetting(mine: IdempotencyKey) -> None:
    due = mine.created_at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
    enqueue(FORGET, {"day": mine.day.isoformat()}, due=due, queue="retention")


def _scope(asked: Asked) -> bytes:
    named = canonical([str(asked.principal.id), asked.method, asked.route, asked.key])
    return hmac.digest(keys.named("lookup", "idempotency"), named, hashlib.sha256)


def _body(asked: Asked, day: str) -> bytes:
    mac = hmac.new(keys.named(_DAY, day), digestmod=hashlib.sha256)
    mac.update(len(asked.path).to_bytes(4, "big") + asked.path.encode("utf-8", "replace"))
    mac.update(asked.body)
    return mac.digest()

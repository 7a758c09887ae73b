"""Leases: which due items the relay hands out next. Fair between tenants, whatever any of them has waiting.

The relay's role sees ids, kinds, queues and due times of every tenant, and nothing else.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.db import connections

LEASE = timedelta(minutes=5)
"""How long a handed-out item may take to reach somebody who runs it. Who does claims it anew, for as long as he runs
it: then it is his claim that counts."""
WINDOW = 1000
"""Up to so many due items are ranked as they are. Of more, each tenant is asked for its first ones, so that the cost
does not grow with what one tenant has waiting (100,000 items: see docs/decisions/fair-leases.md)."""


class Queue(StrEnum):
    """Classes of work. Each may have workers of its own, and none waits for another's."""

    FORGET = "forget"  # what must be gone: retirements, erasures, bytes on the index's disks
    INDEX = "index"  # what makes a change visible
    ADMISSION = "admission"  # submissions judged again: as heavy as a write
    RETENTION = "retention"  # what time takes away
    SLOW = "slow"  # what waits for strangers


EVERY = tuple(Queue)
HEAVY = {Queue.ADMISSION: 8, Queue.SLOW: 8}
"""How many items of these are leased together at most: each takes long, and who runs them may have others to run."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One leased item: nothing but what the relay may see. `until`: when it is due again if nobody claims it."""

    tenant_id: UUID
    id: UUID
    kind: str
    queue: Queue
    until: datetime


class Turns:
    """Where the round over the tenants of each queue stands, so that with more tenants than places none is left out."""

    def __init__(self) -> None:
        self._last: dict[Queue, UUID] = {}

    def last(self, queue: Queue) -> UUID:
        return self._last.get(queue, UUID(int=0))

    def took(self, queue: Queue, leases: Sequence[Lease]) -> None:
        """Remember who was served, last in the round."""
        last = self.last(queue)
        served = sorted({lease.tenant_id for lease in leases}, key=lambda each: (each <= last, each))
        self._last[queue] = served[-1]


_turns = Turns()


def lease_due(limit: int, queues: Collection[Queue] = EVERY) -> list[Lease]:
    """Put up to `limit` due items of each queue out of others' reach for a lease, every tenant in its turn."""
    return [lease for queue in waiting_queues(queues) for lease in lease_queue(queue, limit)]


def waiting_queues(queues: Collection[Queue] = EVERY) -> list[Queue]:
    """Those of `queues` in which something is due."""
    with connections["relay"].cursor() as cursor:
        cursor.execute(_WAITING, [[queue.value for queue in queues]])
        return [Queue(name) for (name,) in cursor.fetchall()]


def full(leases: Sequence[Lease], limit: int) -> bool:
    """Whether a queue gave as many as are taken of it at once, so that more may be due."""
    counts = Counter(lease.queue for lease in leases)
    return any(count >= most_of(queue, limit) for queue, count in counts.items())


def most_of(queue: Queue, limit: int) -> int:
    return min(limit, HEAVY.get(queue, limit))


def lease_queue(queue: Queue, limit: int) -> list[Lease]:
    """Lease up to `limit` due items of one queue, round-robin over the tenants that have any."""
    most = most_of(queue, limit)
    values = {"queue": queue.value, "window": WINDOW, "limit": most, "last": _turns.last(queue)}
    with connections["relay"].cursor() as cursor:
        cursor.execute(_LEASE, values | {"seconds": LEASE.total_seconds()})
        leases = [Lease(tenant, item, kind, queue, until) for tenant, item, kind, until in cursor.fetchall()]
    if leases:
        _turns.took(queue, leases)
    return leases


def release(leases: Sequence[Lease]) -> None:
    """Give back what could not be handed out: it is due at once, unless somebody has it by now."""
    given = [[each.tenant_id for each in leases], [each.id for each in leases], [each.until for each in leases]]
    with connections["relay"].cursor() as cursor:
        cursor.execute(_RELEASE, given)  # type: ignore[arg-type]


_WAITING = """
SELECT asked.queue FROM unnest(%s::text[]) AS asked(queue)
 WHERE EXISTS (SELECT FROM kernel_workitem w WHERE w.state = 'due' AND w.queue = asked.queue AND w.due <= now())
"""

# `near`: the items longest due. If they are all there are, they are ranked. If there are more, `later` and `sooner`
# step from tenant to tenant along the index, from whoever was served last, no further than there are places; and each
# is asked for as many as could be taken of it at most. Conditions on `due` that only make sure are written so that no
# index seems to fit them: on a table that has just grown the planner would read a whole backlog through it.
_LEASE = """
WITH RECURSIVE near AS MATERIALIZED (
  SELECT tenant_id, id, due FROM kernel_workitem
   WHERE state = 'due' AND queue = %(queue)s AND due <= now() ORDER BY due LIMIT %(window)s),
many AS MATERIALIZED (SELECT count(*) >= %(window)s AS so FROM near),
later AS (
  SELECT (SELECT w.tenant_id FROM kernel_workitem w
           WHERE w.state = 'due' AND w.queue = %(queue)s AND w.tenant_id > %(last)s::uuid
           ORDER BY w.tenant_id LIMIT 1) AS tenant_id WHERE (SELECT so FROM many)
  UNION ALL
  SELECT (SELECT w.tenant_id FROM kernel_workitem w
           WHERE w.state = 'due' AND w.queue = %(queue)s AND w.tenant_id > t.tenant_id
           ORDER BY w.tenant_id LIMIT 1) FROM later t WHERE t.tenant_id IS NOT NULL),
sooner AS (
  SELECT (SELECT w.tenant_id FROM kernel_workitem w WHERE w.state = 'due' AND w.queue = %(queue)s
           ORDER BY w.tenant_id LIMIT 1) AS tenant_id WHERE (SELECT so FROM many)
  UNION ALL
  SELECT (SELECT w.tenant_id FROM kernel_workitem w
           WHERE w.state = 'due' AND w.queue = %(queue)s AND w.tenant_id > t.tenant_id
             AND w.tenant_id <= %(last)s::uuid
           ORDER BY w.tenant_id LIMIT 1) FROM sooner t WHERE t.tenant_id IS NOT NULL),
served AS MATERIALIZED (
  SELECT t.tenant_id FROM (
    SELECT tenant_id FROM later UNION ALL SELECT tenant_id FROM sooner WHERE tenant_id <= %(last)s::uuid) AS t
   CROSS JOIN LATERAL (
    SELECT 1 FROM kernel_workitem w WHERE w.state = 'due' AND w.queue = %(queue)s AND w.tenant_id = t.tenant_id
       AND w.due <= now() ORDER BY w.due LIMIT 1) AS any_due
   LIMIT %(limit)s),
candidates AS (
  SELECT tenant_id, id, due FROM near WHERE NOT (SELECT so FROM many)
  UNION ALL
  SELECT first.tenant_id, first.id, first.due FROM served t CROSS JOIN LATERAL (
    SELECT w.tenant_id, w.id, w.due FROM kernel_workitem w
     WHERE w.state = 'due' AND w.queue = %(queue)s AND w.tenant_id = t.tenant_id AND w.due <= now()
     ORDER BY w.due LIMIT %(limit)s) AS first),
chosen AS MATERIALIZED (
  SELECT tenant_id, id FROM (
    SELECT tenant_id, id, row_number() OVER (PARTITION BY tenant_id ORDER BY due, id) AS turn FROM candidates) AS turns
   ORDER BY turn, tenant_id <= %(last)s::uuid, tenant_id LIMIT %(limit)s),
free AS MATERIALIZED (
  SELECT w.tenant_id, w.id FROM chosen CROSS JOIN LATERAL (
    SELECT tenant_id, id FROM kernel_workitem w WHERE w.tenant_id = chosen.tenant_id AND w.id = chosen.id
       AND state || '' = 'due' AND due + interval '0' <= now() FOR UPDATE SKIP LOCKED) AS w)
UPDATE kernel_workitem w SET due = now() + make_interval(secs => %(seconds)s), runner = NULL
  FROM free WHERE w.tenant_id = free.tenant_id AND w.id = free.id
RETURNING w.tenant_id, w.id, w.kind, w.due
"""

_RELEASE = """
UPDATE kernel_workitem w SET due = now()
  FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS mine(tenant_id, id, until)
 WHERE w.tenant_id = mine.tenant_id AND w.id = mine.id AND w.due = mine.until AND w.state = 'due'
"""

"""The relay's side of the broker: due items are leased and their ids sent, never more than workers will soon take.

What waits, waits in the database, where the next turn is every tenant's; a queue at the broker is first come, first
served. So only a few small messages of a class are there at a time, and nobody's are ever far from the front.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from typing import Any, cast

from django.conf import settings

from foundation.kernel.leasing import EVERY, Lease, Queue, lease_queue, release, waiting_queues
from memwrit.celery import app, name_of, work

BATCH = 16
"""Items of one message at most: what a worker may do for one tenant before it is another's turn."""
SHORTEST, LONGEST = 0.01, 0.5
"""Seconds until it is looked again whether a full queue has room."""


class Post:
    """One connection to the broker. Nothing is leased while the broker does not answer."""

    def __init__(self) -> None:
        self._connection: Any = None
        self._producer: Any = None
        self._pause = SHORTEST

    def dispatch(self) -> int:
        """Send what is due, as far as there is room; 0 when nothing is due. Raises when the broker is away."""
        queues = waiting_queues(EVERY)
        if not queues:
            return 0
        try:
            sent = sum(self._fill(queue) for queue in queues)
        except Exception:
            self.close()
            raise
        self._pause = SHORTEST if sent else min(self._pause * 2, LONGEST)
        if not sent:
            time.sleep(self._pause)
        return sent or 1

    def close(self) -> None:
        """Forget the connection; the next dispatch makes a new one."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            connection.release()

    def _fill(self, queue: Queue) -> int:
        room = settings.BROKER_AHEAD - self._waiting(queue)
        if room <= 0:
            return 0
        unsent = lease_queue(queue, room * BATCH)
        sent = 0
        try:
            for message in _messages(unsent):
                self._send(message)
                sent += len(message)
                unsent = [each for each in unsent if each not in message]
        except Exception:
            release(unsent)
            raise
        return sent

    def _waiting(self, queue: Queue) -> int:
        """Messages of the queue that nobody has taken yet. Declares it, should the broker have lost it."""
        if self._connection is None:
            self._connection = app.connection_for_write()
            self._connection.ensure_connection(max_retries=1, interval_start=0)
            self._producer = app.amqp.Producer(self._connection)
        channel = self._connection.default_channel
        return cast(int, app.amqp.queues[name_of(queue)](channel).queue_declare().message_count)

    def _send(self, leases: Sequence[Lease]) -> None:
        """No message expires: our clock would set the time, and a worker's judge it. One that is late finds nothing."""
        first = leases[0]
        work.apply_async(
            (str(first.tenant_id), first.kind, [str(each.id) for each in leases]),
            queue=name_of(first.queue),
            producer=self._producer,
            retry=False,
        )


def _messages(leases: Sequence[Lease]) -> list[list[Lease]]:
    """Items of one tenant and kind together, whoever has least of them first."""
    groups: dict[tuple[Any, str], list[Lease]] = defaultdict(list)
    for lease in leases:
        groups[lease.tenant_id, lease.kind].append(lease)
    ordered = sorted(groups.values(), key=len)
    return [batch for group in ordered for batch in _batches(group)]


def _batches(group: Sequence[Lease]) -> list[list[Lease]]:
    rest = iter(group)
    return list(iter(lambda: list(islice(rest, BATCH)), []))


_post = Post()


def dispatch() -> int:
    """One turn of this process's relay."""
    return _post.dispatch()

"""Celery, for deployments with workers of their own. A message is a nudge holding ids; the database is the queue.

The relay leases items and sends their ids. Whatever the broker loses, the relay finds due again when the lease ends.
Without BROKER_URL nothing of this runs: the relay does the work itself.
"""

from __future__ import annotations

import os
from collections import defaultdict
from uuid import UUID

import django
from celery import Celery
from celery.signals import worker_init
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memwrit.settings")

# Less than an item's lease (five minutes), so that no item is at work twice.
LIMIT = 240
app = Celery("memwrit", broker=settings.BROKER_URL or "memory://", set_as_current=False)
app.conf.update(
    accept_content=["json"],
    broker_connection_retry_on_startup=True,
    result_backend=None,  # results would be one more place where something could stand readable
    task_acks_late=True,
    task_default_queue="memwrit",
    task_ignore_result=True,
    task_reject_on_worker_lost=True,
    task_serializer="json",
    task_soft_time_limit=LIMIT - 10,
    task_time_limit=LIMIT,
    worker_hijack_root_logger=False,
    worker_prefetch_multiplier=1,
    worker_send_task_events=False,
)


@worker_init.connect
def _set_up(**_: object) -> None:
    """Models and handlers, before the first item."""
    if not django.apps.apps.ready:
        django.setup()


@app.task(name="memwrit.work")  # type: ignore[untyped-decorator]
def work(tenant_id: str, kind: str, ids: list[str]) -> None:
    """Run items that the relay has leased. Idempotent: an item that is done is no longer there."""
    from foundation.kernel.outbox import run_items

    run_items(UUID(tenant_id), kind, [UUID(item_id) for item_id in ids])


def dispatch(limit: int = 200, *, slow: bool | None = None) -> int:
    """Lease due items and send them to the workers, those of one tenant and kind together; how many were leased."""
    from foundation.kernel.outbox import lease_due

    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    leases = lease_due(limit, slow=slow)
    for lease in leases:
        groups[str(lease.tenant_id), lease.kind].append(str(lease.id))
    for (tenant_id, kind), ids in groups.items():
        work.delay(tenant_id, kind, ids)
    return len(leases)

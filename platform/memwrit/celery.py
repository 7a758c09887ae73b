"""Celery, for deployments with workers of their own. A message is a nudge holding ids; the database is the queue.

The relay leases items and sends their ids (`memwrit.dispatch`). Whatever the broker loses, the relay finds due again
when the lease ends; what it delivers twice finds the items claimed, or gone. So the broker may lose everything it has.
Without BROKER_URL nothing of this runs: the relay does the work itself.

One queue per class of work (`foundation.kernel.leasing.Queue`); on RabbitMQ they are quorum queues.
"""

from __future__ import annotations

import os
import ssl
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import django
from celery import Celery
from celery.signals import worker_init, worker_process_init, worker_process_shutdown
from django.conf import settings
from kombu import Exchange
from kombu import Queue as Named

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memwrit.settings")

from foundation.kernel.leasing import EVERY, LEASE, Queue
from memwrit import telemetry

# Each is shorter than the next. A run begins no further item after ENOUGH; is told to end at SOFT; is killed at LIMIT.
# A message counts for a lease; one that Valkey was not told to be done comes back after VISIBILITY, to find nothing.
ENOUGH, SOFT, LIMIT = 120, 230, 240
VISIBILITY = int(LEASE.total_seconds()) + 30
MOST_DELIVERIES = 5


def name_of(queue: Queue) -> str:
    """The queue's name at the broker."""
    return f"memwrit.{queue.value}"


def broker(url: str) -> dict[str, Any]:
    """Celery's settings for the broker at `url`: time-outs, and TLS that always verifies."""
    scheme = urlsplit(url).scheme.partition("+")[0]
    if scheme in ("redis", "rediss", "valkey", "valkeys", "sentinel"):
        return {"broker_transport_options": _OF_VALKEY, "broker_use_ssl": _tls(url) if scheme == "rediss" else None}
    if scheme in ("amqp", "amqps", "pyamqp"):
        return {"broker_transport_options": _OF_RABBIT, "broker_use_ssl": _tls(url) if scheme == "amqps" else None}
    return {}


def _tls(url: str) -> dict[str, Any]:
    files = {"ca_certs": settings.BROKER_CA, "certfile": settings.BROKER_CERT, "keyfile": settings.BROKER_KEY}
    given = {name: value for name, value in files.items() if value}
    if urlsplit(url).scheme == "rediss":
        return {f"ssl_{name}": value for name, value in given.items()} | {
            "ssl_cert_reqs": ssl.CERT_REQUIRED,
            "ssl_check_hostname": True,
        }
    return given | {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": urlsplit(url).hostname}


_OF_VALKEY = {
    "visibility_timeout": VISIBILITY,
    "socket_connect_timeout": 5,
    "socket_timeout": 15,
    "socket_keepalive": True,
    "health_check_interval": 25,
}
_OF_RABBIT = {"confirm_publish": True, "connect_timeout": 5}

app = Celery("memwrit", broker=settings.BROKER_URL or "memory://", set_as_current=False)
app.conf.update(
    accept_content=["json"],
    broker_connection_max_retries=None,
    broker_connection_retry_on_startup=True,
    broker_connection_timeout=5,
    broker_heartbeat=30,
    broker_native_delayed_delivery_queue_type="classic",  # Celery makes them beside quorum queues; nothing is delayed
    result_backend=None,  # results would be one more place where something could stand readable
    task_acks_late=True,
    task_create_missing_queues=False,
    task_default_queue=name_of(Queue.INDEX),
    task_ignore_result=True,
    task_queues=[
        Named(
            name_of(each),
            Exchange("memwrit", type="topic"),
            routing_key=name_of(each),
            queue_arguments={"x-queue-type": "quorum", "x-delivery-limit": MOST_DELIVERIES},
        )
        for each in EVERY
    ],
    task_reject_on_worker_lost=True,
    task_serializer="json",
    task_soft_time_limit=SOFT,
    task_time_limit=LIMIT,
    worker_enable_remote_control=False,  # nobody who reaches the broker tells a worker what to do
    worker_hijack_root_logger=False,
    worker_prefetch_multiplier=1,
    worker_redirect_stdouts=False,
    worker_send_task_events=False,
    **broker(settings.BROKER_URL),
)


@worker_init.connect
def _set_up(**_: object) -> None:
    """Models and handlers, before the first item."""
    if not django.apps.apps.ready:
        django.setup()
    telemetry.begin("worker")


@worker_process_init.connect
def _started(**_: object) -> None:
    """In each process that runs items."""
    telemetry.start("worker")


@worker_process_shutdown.connect
def _stopped(**_: object) -> None:
    """In each of them, as its last act."""
    telemetry.stop()
    telemetry.ended(os.getpid())


@app.task(name="memwrit.work")  # type: ignore[untyped-decorator]
def work(tenant_id: str, kind: str, ids: list[str]) -> None:
    """Run items that the relay has leased. Idempotent: an item that is done is no longer there, one that somebody
    runs is left to him."""
    from foundation.kernel.outbox import run_items

    run_items(UUID(tenant_id), kind, [UUID(item_id) for item_id in ids], until=time.monotonic() + ENOUGH)

"""Heartbeats: a row that closes a lane's tail within five seconds, so that a dropped last row is seen too.

One daemon thread per process, which lives only while lanes lie open. A clean exit closes them all. Only the tail of a
process that was killed stays open; the sequencer shows such lanes.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections import defaultdict
from uuid import UUID

from django.db import connections

from audit.acts import Act
from audit.lanes import Lane, pool
from foundation.kernel.canonical import canonical
from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.kernel.scope import tenant_scope, tenant_transaction

QUIET = 2.0
"""Seconds a lane lies open before its heartbeat; with the thread's round of one second, well under five."""
ROUND = 1.0

log = logging.getLogger(__name__)
_starting = threading.Lock()
_stop = threading.Event()
_thread: threading.Thread | None = None


def keep() -> None:
    """See to it that the open lanes of this process get their heartbeat."""
    global _thread
    with _starting:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_run, name="audit-heartbeat", daemon=True)
            _thread.start()


def beat(quiet: float = 0.0) -> int:
    """Close the lanes that have lain open for `quiet` seconds; returns how many."""
    by_tenant: dict[UUID, list[Lane]] = defaultdict(list)
    for lane in pool.take_open(quiet):
        by_tenant[lane.tenant].append(lane)
    for tenant, lanes in by_tenant.items():
        _close(tenant, lanes)
    return sum(map(len, by_tenant.values()))


def entry_of(lane: Lane) -> bytes:
    """A heartbeat's bytes; it goes into no log."""
    ts = int(now().timestamp() * 1000)
    return canonical({"v": 1, "act": Act.LANE_HEARTBEAT.value, "lane": str(lane.id), "after": lane.n, "ts": ts})


def is_heartbeat(entry: bytes) -> bool:
    """Whether an authenticated row's entry is a heartbeat."""
    return entry.startswith(b'{"act":"%s"' % Act.LANE_HEARTBEAT.value.encode()) and b'"after":' in entry


def _close(tenant: UUID, lanes: list[Lane]) -> None:
    from audit.services import record  # the two need each other: rows beat, and beats are rows

    try:
        with tenant_scope(tenant), tenant_transaction() as work:
            for lane in lanes:
                record.write(work, [(uuid7(), entry_of(lane), None)], heartbeat_row=True, lane=lane)
    except Exception as error:
        log.warning("a heartbeat was not written: lanes=%d error=%s", len(lanes), type(error).__name__)


def _run() -> None:
    try:
        while not _stop.wait(ROUND) and not _done():
            beat(QUIET)
    finally:
        connections.close_all()


def _done() -> bool:
    """Whether no lane lies open; said under the lock, so that `keep` either finds this thread at work or starts one."""
    global _thread
    with _starting:
        if pool.any_open():
            return False
        _thread = None
        return True


def _after_fork() -> None:
    global _starting, _thread
    _starting, _thread = threading.Lock(), None


def _at_exit() -> None:
    _stop.set()
    if pool.any_open():
        beat()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)

"""Waking the sequencer: an empty NOTIFY after COMMIT, at most ten a second from one process.

Not inside the transaction: a NOTIFY holds a cluster-wide lock through COMMIT and would make every commit wait for the
one before it. A lost or withheld notice costs nothing but the sequencer's next poll.
"""

from __future__ import annotations

import time

from django.db import DatabaseError, InterfaceError, connections

from foundation.kernel.scope import UnitOfWork

CHANNEL = "memwrit_audit"
APART = 0.1
_last = 0.0


def after(work: UnitOfWork) -> None:
    """Notify once `work` has committed."""
    using = work.using
    work.after_commit(lambda: _notify(using))


def _notify(using: str) -> None:
    global _last
    if time.monotonic() - _last < APART:
        return
    _last = time.monotonic()
    try:
        with connections[using].cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")
    except (DatabaseError, InterfaceError):
        return  # the change is committed and will be polled for

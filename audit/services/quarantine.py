"""Stop a tenant's ledger from a process that reads: in a transaction of its own, since the reader's will not commit."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import UUID

from django.db import DatabaseError, connections

from audit.models import Quarantine
from foundation import telemetry
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.telemetry import instruments

T = TypeVar("T")
log = logging.getLogger(__name__)


def quarantine(tenant: UUID, reason: Quarantine.Reason) -> None:
    """Put the tenant in quarantine, unless it is already."""
    telemetry.record(instruments.VERIFY_FAILURES, 1, telemetry.Where.LEDGER)
    log.error("tenant %s is in quarantine: %s", tenant, reason.value)
    try:
        apart(tenant, lambda: _raise(reason))
    except DatabaseError as error:
        log.error("the quarantine could not be written: %s", type(error).__name__)


def apart(tenant: UUID, act: Callable[[], T]) -> T:
    """Run `act` in a tenant transaction on a connection of its own, beside the one that may be open."""
    with ThreadPoolExecutor(1, thread_name_prefix="audit-apart") as pool:
        return pool.submit(_scoped, tenant, act).result()


def _scoped(tenant: UUID, act: Callable[[], T]) -> T:
    try:
        with tenant_scope(tenant), tenant_transaction():
            return act()
    finally:
        connections.close_all()


def _raise(reason: Quarantine.Reason) -> None:
    if not Quarantine.objects.filter(lifted_at=None).exists():
        Quarantine(reason=reason).save(force_insert=True)

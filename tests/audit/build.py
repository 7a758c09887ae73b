"""Builders for the ledger's tests."""

from __future__ import annotations

import os
from uuid import UUID

import psycopg

from audit.acts import Act
from audit.event import Change, Event, Target
from audit.services.record import record
from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Principal
from foundation.kernel.scope import current_tenant, tenant_transaction


def actor() -> Principal:
    return Principal.system(current_tenant())


def element() -> bytes:
    return os.urandom(16)


def admit(count: int = 1, *, memory: UUID | None = None, new: bytes | None = None, old: bytes | None = None) -> Event:
    """Record `count` admissions in one transaction; returns the last event."""
    with tenant_transaction():
        for _ in range(count):
            change = Change(memory or uuid7(), old, new or element())
            event = record(
                actor(), Act.MEMORY_ADMIT, target=Target("memory", change.id, 1), policy="roles@1", changes=[change]
            )
    return event


def read() -> Event:
    """Record one act that changes nothing."""
    with tenant_transaction():
        return record(actor(), Act.MEMORY_READ, target=Target("memory", uuid7(), 1), policy="roles@1")


def reason(tenant: UUID, superuser: psycopg.Connection) -> str | None:
    """Why the tenant is in quarantine, or None."""
    found = superuser.execute(
        "SELECT reason FROM audit_quarantine WHERE tenant_id = %s AND lifted_at IS NULL", [tenant]
    ).fetchone()
    return found and found[0]

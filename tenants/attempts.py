"""Limits on what may be tried, which hold over all processes and machines: for doors where guessing pays.

A token bucket is kept as one moment, the one at which it is full again (GCRA), by the database's clock, in a row that
one statement writes. What is limited by request instead is counted in each process (`foundation.rest.throttles`), where
it costs no row.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from contextlib import ExitStack
from datetime import timedelta
from uuid import UUID

from audit.origin import DIRECTORY
from foundation.kernel.problems import RateLimited
from foundation.kernel.rows import execute
from foundation.kernel.scope import current_tenant, tenant_scope, tenant_transaction
from foundation.keyring.signing import mac_key
from foundation.rest.throttles import Rate

_TAKE = """INSERT INTO tenants_attempt AS a (tenant_id, id, full_at)
VALUES (%(tenant)s, %(id)s, statement_timestamp() + %(one)s)
ON CONFLICT (tenant_id, id) DO UPDATE SET full_at = greatest(a.full_at, statement_timestamp()) + %(one)s
WHERE a.full_at <= statement_timestamp() + %(room)s RETURNING full_at"""
_LEFT = """SELECT full_at - statement_timestamp() - %(room)s FROM tenants_attempt
WHERE tenant_id = %(tenant)s AND id = %(id)s"""
_FORGET = """DELETE FROM tenants_attempt WHERE tenant_id = %(tenant)s AND id IN (SELECT id FROM tenants_attempt
WHERE tenant_id = %(tenant)s AND full_at <= statement_timestamp() ORDER BY full_at LIMIT 20 FOR UPDATE SKIP LOCKED)"""


def spend(kind: str, name: str, rate: Rate, *, told: str, of_platform: bool = False) -> None:
    """Take one attempt of `name` at what `kind` says; raises `RateLimited`, with `told`.

    In the tenant's scope, or `of_platform`: then it counts for all tenants together. Not inside `tenant_transaction`:
    an attempt counts whatever becomes of it. Each takes away twenty rows that say nothing any more.
    """
    with ExitStack() as stack:
        if of_platform:
            stack.enter_context(tenant_scope(DIRECTORY))
        wait = _take(_id(kind, name), rate)
    if wait:
        raise RateLimited(told, retry_after=wait)


def _take(id: UUID, rate: Rate) -> int:
    """0: it was taken; else the whole seconds until the next one is."""
    one = timedelta(seconds=1 / rate.per_second)
    with tenant_transaction():
        named = {"tenant": current_tenant(), "id": id, "one": one, "room": one * (rate.burst - 1)}
        taken = execute(_TAKE, named)
        left = [] if taken else execute(_LEFT, named)
        execute(_FORGET, named)
    return 0 if taken else max(1, math.ceil(left[0][0].total_seconds())) if left else 1


def _id(kind: str, name: str) -> UUID:
    """Addresses of clients and of people are not to be read from a table, nor guessed from a plain hash."""
    return UUID(bytes=hmac.digest(mac_key("attempt"), f"{kind}/{name}".encode(), hashlib.sha256)[:16])

"""The keyring's statements. Each function is one short transaction of the tenant in scope, on the alias it names.

The web process reads and inserts as `keyring`; only the eraser re-wraps and deletes. Bulk statements take arrays:
`UPDATE … FROM unnest` re-wraps tens of thousands of rows a second, a statement per row a few thousand.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError

from foundation.kernel.ids import uuid7
from foundation.kernel.problems import Unavailable
from foundation.kernel.rows import uuids
from foundation.kernel.scope import current_tenant, tenant_transaction

READER, ERASER = "keyring", "keyring_eraser"


@dataclass(frozen=True, slots=True)
class Row:
    """One key as it is stored; `wrapped` opens only under its epoch's key, in the context the other fields make."""

    id: UUID
    shard: int
    purpose: str
    epoch: int
    subjects: tuple[UUID, ...]
    wrapped: bytes


@contextmanager
def statements(using: str) -> Iterator[Any]:
    """A cursor in a transaction of the tenant's. A keyring that cannot be reached is `Unavailable`, nothing else."""
    try:
        with tenant_transaction(using) as work:
            yield work.cursor
    except (OperationalError, InterfaceError) as error:
        raise Unavailable("the keyring cannot be reached") from error


def as_rows(found: Sequence[tuple[Any, ...]]) -> list[Row]:
    """What `SELECT id, shard, purpose, epoch, subjects, wrapped` found."""
    return [Row(i, s, p, e, tuple(subjects), bytes(w)) for i, s, p, e, subjects, w in found]


def keys(ids: Collection[UUID], using: str = READER) -> list[Row]:
    """The rows of `ids` that exist."""
    with statements(using) as cursor:
        cursor.execute(
            "SELECT id, shard, purpose, epoch, subjects, wrapped FROM keyring_key "
            "WHERE tenant_id = %s AND id = ANY(%s::uuid[])",
            [current_tenant(), uuids(ids)],
        )
        return as_rows(cursor.fetchall())


def epochs(shards: Collection[int], using: str = READER) -> dict[int, int]:
    """The current epoch of each shard that exists."""
    with statements(using) as cursor:
        cursor.execute(
            "SELECT number, epoch FROM keyring_shard WHERE tenant_id = %s AND number = ANY(%s::int[])",
            [current_tenant(), list(shards)],
        )
        return dict(cursor.fetchall())


def add_shard(number: int, epoch: int) -> None:
    """Make the shard's row; nothing if another process was first."""
    with statements(READER) as cursor:
        cursor.execute(
            "INSERT INTO keyring_shard (tenant_id, id, number, epoch, issued) VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            [current_tenant(), uuid7(), number, epoch, epoch],
        )


# The share lock makes a rotation wait for this transaction, or this one for the rotation, whose epoch it then sees:
# no key is ever stored under an epoch that has been left. Its age is the database's to tell: by another clock a sweep
# would take the key of an admission that is under way for an old one.
_INSERT = """
WITH standing AS (
  SELECT number, epoch FROM keyring_shard WHERE tenant_id = %(tenant)s AND number = ANY(%(shards)s::int[])
  ORDER BY number FOR SHARE)
INSERT INTO keyring_key (tenant_id, id, shard, purpose, epoch, subjects, wrapped, created_at, confirmed)
SELECT %(tenant)s, v.id, v.shard, v.purpose, v.epoch, v.subjects::uuid[], v.wrapped, now(), %(confirmed)s
FROM unnest(%(ids)s::uuid[], %(shards)s::int[], %(purposes)s::text[], %(epochs)s::bigint[], %(subjects)s::text[],
            %(wrapped)s::bytea[]) AS v (id, shard, purpose, epoch, subjects, wrapped)
JOIN standing ON standing.number = v.shard AND standing.epoch = v.epoch
WHERE NOT EXISTS (SELECT 1 FROM keyring_destroyed d WHERE d.tenant_id = %(tenant)s AND d.id = v.id)
ON CONFLICT DO NOTHING
"""


class NotStored(Exception):
    """A key's shard is no longer at the epoch it was wrapped under, or its id stands already or was destroyed."""


def insert(new: Sequence[Row], *, confirmed: bool = False) -> None:
    """Store all of `new`, durably, or none; raises `NotStored`. `confirmed` keys need no record to stand for them."""
    columns = {
        "ids": [row.id for row in new],
        "shards": [row.shard for row in new],
        "purposes": [row.purpose for row in new],
        "epochs": [row.epoch for row in new],
        "subjects": [uuids(row.subjects) for row in new],
        "wrapped": [row.wrapped for row in new],
    }
    with statements(READER) as cursor:
        cursor.execute(_INSERT, columns | {"tenant": current_tenant(), "confirmed": confirmed})
        if cursor.rowcount != len(new):
            raise NotStored


def destroyed(ids: Collection[UUID], using: str = READER) -> dict[UUID, tuple[int, int]]:
    """Of `ids`, those that were destroyed: the shard and the epoch that came after."""
    with statements(using) as cursor:
        cursor.execute(
            "SELECT id, shard, new_epoch FROM keyring_destroyed WHERE tenant_id = %s AND id = ANY(%s::uuid[])",
            [current_tenant(), list(ids)],
        )
        return {id_: (shard, epoch) for id_, shard, epoch in cursor.fetchall()}

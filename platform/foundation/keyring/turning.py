"""The eraser's statements: the life of a rotation, from its intent to its evidence.

Each function is one short transaction. Shard rows are always locked in the order of their numbers.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.numeric import Int8

from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.kernel.scope import current_tenant
from foundation.keyring.kms import Assurance
from foundation.keyring.rows import ERASER, Row, add_shard, as_rows, epochs, statements

Targets = Mapping[int, int]  # shard -> the epoch it is to turn to


class Overtaken(Exception):
    """Another rotation, or the recovery, came first: this one's intent is void and nothing of it was done."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One rotation as it is stored; see `models.Rotation`."""

    shard: int
    old_epoch: int
    new_epoch: int
    state: str
    survivors: int
    assurance: Assurance
    intended_at: datetime
    destroyed_at: datetime | None


def shards_of(ids: Collection[UUID]) -> set[int]:
    """The shards in which keys of `ids` live."""
    with statements(ERASER) as cursor:
        cursor.execute(
            "SELECT DISTINCT shard FROM keyring_key WHERE tenant_id = %s AND id = ANY(%s::uuid[])",
            [current_tenant(), list(ids)],
        )
        return {shard for (shard,) in cursor.fetchall()}


def intend(shards: Collection[int]) -> dict[int, int]:
    """Give each shard a number no epoch had, and remember the intent."""
    with statements(ERASER) as cursor:
        _lock(cursor, shards)
        cursor.execute(
            "UPDATE keyring_shard SET issued = issued + 1 WHERE tenant_id = %s AND number = ANY(%s::int[]) "
            "RETURNING number, issued",
            [current_tenant(), list(shards)],
        )
        targets = dict(cursor.fetchall())
        cursor.execute(
            "INSERT INTO keyring_rotation (tenant_id, id, shard, old_epoch, new_epoch, state, survivors, assurance, "
            "intended_at) SELECT %s, v.id, v.shard, 0, v.epoch, 'intended', 0, 'A0', %s "
            "FROM unnest(%s::uuid[], %s::int[], %s::bigint[]) AS v (id, shard, epoch)",
            [current_tenant(), now(), [uuid7() for _ in targets], list(targets), list(targets.values())],
        )
        return targets


def turn(targets: Targets, doomed: Collection[UUID]) -> None:
    """Delete the doomed keys and let the shards turn to their new epochs, in one transaction; raises `Overtaken`.

    From here on nothing is stored under an older epoch, so the old one only has to be emptied.
    """
    with statements(ERASER) as cursor:
        current = _lock(cursor, targets)
        if any(current[shard] >= epoch for shard, epoch in targets.items()):
            raise Overtaken
        _mark_turned(cursor, targets, current)
        _delete(cursor, targets, doomed)
        cursor.execute(
            "UPDATE keyring_shard SET epoch = v.epoch FROM unnest(%s::int[], %s::bigint[]) AS v (number, epoch) "
            "WHERE tenant_id = %s AND keyring_shard.number = v.number",
            [*_columns(targets), current_tenant()],
        )


def _mark_turned(cursor: Any, targets: Targets, current: Targets) -> None:
    cursor.execute(
        "UPDATE keyring_rotation SET state = 'turned', assurance = 'A1', turned_at = %s, old_epoch = v.old "
        "FROM unnest(%s::int[], %s::bigint[], %s::bigint[]) AS v (shard, epoch, old) WHERE tenant_id = %s "
        "AND state = 'intended' AND keyring_rotation.shard = v.shard AND new_epoch = v.epoch",
        [now(), *_columns(targets), [current[shard] for shard in targets], current_tenant()],
    )
    if cursor.rowcount != len(targets):
        raise Overtaken


def _delete(cursor: Any, targets: Targets, doomed: Collection[UUID]) -> None:
    cursor.execute(
        "WITH gone AS (DELETE FROM keyring_key WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s::uuid[]) "
        "AND shard = ANY(%(shards)s::int[]) RETURNING id, shard) "
        "INSERT INTO keyring_destroyed (tenant_id, id, shard, new_epoch) "
        "SELECT %(tenant)s, gone.id, gone.shard, v.epoch "
        "FROM gone JOIN unnest(%(shards)s::int[], %(epochs)s::bigint[]) AS v (shard, epoch) USING (shard)",
        {
            "tenant": current_tenant(),
            "ids": list(doomed),
            "shards": list(targets),
            "epochs": list(targets.values()),
        },
    )


def current_epoch(shard: int) -> int:
    """The shard's epoch."""
    with statements(ERASER) as cursor:
        cursor.execute(
            "SELECT epoch FROM keyring_shard WHERE tenant_id = %s AND number = %s", [current_tenant(), shard]
        )
        return int(cursor.fetchone()[0])


def left_behind(shard: int, epoch: int, after: UUID | None, limit: int) -> list[Row]:
    """Up to `limit` keys of the shard under an epoch before `epoch`, by id, beginning behind `after`."""
    with statements(ERASER) as cursor:
        cursor.execute(
            "SELECT id, shard, purpose, epoch, subjects, wrapped FROM keyring_key "
            "WHERE tenant_id = %s AND shard = %s AND id > %s AND epoch < %s ORDER BY id LIMIT %s",
            [current_tenant(), shard, after or UUID(int=0), epoch, limit],
        )
        return as_rows(cursor.fetchall())


def move(carried: Sequence[Row], epoch: int, wrapped: Sequence[bytes]) -> None:
    """Store new wraps, under `epoch`, of keys that are still as they were; one that was deleted or moved is left so."""
    with statements(ERASER) as cursor:
        cursor.execute(
            "UPDATE keyring_key SET epoch = %s, wrapped = v.wrapped "
            "FROM unnest(%b::uuid[], %b::bigint[], %b::bytea[]) AS v (id, epoch, wrapped) "
            "WHERE tenant_id = %s AND keyring_key.id = v.id AND keyring_key.epoch = v.epoch",
            [epoch, [row.id for row in carried], [Int8(row.epoch) for row in carried], wrapped, current_tenant()],
        )


def all_of(shard: int) -> list[Row]:
    """Every key of the shard, by id."""
    with statements(ERASER) as cursor:
        cursor.execute(
            "SELECT id, shard, purpose, epoch, subjects, wrapped FROM keyring_key "
            "WHERE tenant_id = %s AND shard = %s ORDER BY id",
            [current_tenant(), shard],
        )
        return as_rows(cursor.fetchall())


def epoch_of(shard: int) -> int:
    """The shard's epoch; 0 for one that is not there."""
    return epochs([shard], ERASER).get(shard, 0)


def bring_forward(shard: int, epoch: int, keys: Sequence[Row]) -> None:
    """After a restore: let an older shard be at `epoch`, with these keys as they are wrapped there, and what is not
    among them destroyed."""
    if not epoch_of(shard):
        add_shard(shard, epoch)
    with statements(ERASER) as cursor:
        _lock(cursor, [shard])
        ids = [key.id for key in keys]
        cursor.execute(
            "DELETE FROM keyring_key WHERE tenant_id = %s AND shard = %s AND NOT id = ANY(%s::uuid[])",
            [current_tenant(), shard, ids],
        )
        cursor.execute(
            "UPDATE keyring_key SET epoch = v.epoch, wrapped = v.wrapped "
            "FROM unnest(%b::uuid[], %b::bigint[], %b::bytea[]) AS v (id, epoch, wrapped) "
            "WHERE tenant_id = %s AND keyring_key.id = v.id",
            [ids, [Int8(key.epoch) for key in keys], [key.wrapped for key in keys], current_tenant()],
        )
        cursor.execute(
            "UPDATE keyring_shard SET epoch = %s, issued = GREATEST(issued, %s) WHERE tenant_id = %s AND number = %s",
            [epoch, epoch, current_tenant(), shard],
        )


def survivors(shard: int) -> int:
    """How many keys the shard holds."""
    with statements(ERASER) as cursor:
        cursor.execute(
            "SELECT count(*) FROM keyring_key WHERE tenant_id = %s AND shard = %s", [current_tenant(), shard]
        )
        return int(cursor.fetchone()[0])


def close(shard: int, epoch: int, *, survivors: int, assurance: Assurance) -> None:
    """Write the evidence: every epoch of the shard before `epoch` is destroyed."""
    with statements(ERASER) as cursor:
        cursor.execute(
            "UPDATE keyring_rotation SET state = 'done', survivors = %s, assurance = %s, destroyed_at = %s "
            "WHERE tenant_id = %s AND shard = %s AND new_epoch <= %s AND state = 'turned'",
            [survivors, assurance.value, now(), current_tenant(), shard, epoch],
        )


def unfinished() -> list[Turn]:
    """Rotations that are neither done nor undone."""
    return _rotations("state NOT IN ('done', 'undone')", [])


def evidence(turned: Iterable[tuple[int, int]]) -> list[Turn]:
    """The rotations that led to these (shard, epoch)."""
    shards, epochs = zip(*turned, strict=True) if (turned := list(turned)) else ((), ())
    return _rotations(
        "(shard, new_epoch) IN (SELECT * FROM unnest(%s::int[], %s::bigint[]))", [list(shards), list(epochs)]
    )


def set_aside(shard: int, epoch: int, *, was: Sequence[str], becomes: str) -> bool:
    """Change the state of an intent that is not followed; False if its state is none of `was`."""
    with statements(ERASER) as cursor:
        cursor.execute(
            "UPDATE keyring_rotation SET state = %s "
            "WHERE tenant_id = %s AND shard = %s AND new_epoch = %s AND state = ANY(%s)",
            [becomes, current_tenant(), shard, epoch, list(was)],
        )
        return bool(cursor.rowcount)


def unconfirmed(purposes: Collection[str], age: timedelta, after: UUID | None, limit: int) -> list[UUID]:
    """Keys older than `age` by the database's clock of which nobody has yet seen the record, by id, behind `after`."""
    with statements(ERASER) as cursor:
        cursor.execute(
            "SELECT id FROM keyring_key WHERE tenant_id = %s AND NOT confirmed AND purpose = ANY(%s) "
            "AND created_at < now() - %s AND id > %s ORDER BY id LIMIT %s",
            [current_tenant(), list(purposes), age, after or UUID(int=0), limit],
        )
        return [id_ for (id_,) in cursor.fetchall()]


def settle(known: Collection[UUID], orphans: Collection[UUID]) -> int:
    """Confirm the known keys and delete the orphans; returns how many were deleted."""
    with statements(ERASER) as cursor:
        cursor.execute(
            "UPDATE keyring_key SET confirmed = true WHERE tenant_id = %s AND id = ANY(%s::uuid[])",
            [current_tenant(), list(known)],
        )
        cursor.execute(
            "DELETE FROM keyring_key WHERE tenant_id = %s AND NOT confirmed AND id = ANY(%s::uuid[])",
            [current_tenant(), list(orphans)],
        )
        return int(cursor.rowcount)


def _rotations(where: str, values: list[Any]) -> list[Turn]:
    with statements(ERASER) as cursor:
        cursor.execute(
            "SELECT shard, old_epoch, new_epoch, state, survivors, assurance, intended_at, destroyed_at "  # noqa: S608
            f"FROM keyring_rotation WHERE tenant_id = %s AND {where} ORDER BY shard, new_epoch",
            [current_tenant(), *values],
        )
        return [Turn(s, o, n, state, c, Assurance(a), i, d) for s, o, n, state, c, a, i, d in cursor.fetchall()]


def _lock(cursor: Any, shards: Collection[int]) -> dict[int, int]:
    """Lock the shards against new keys and other turns; their current epochs."""
    cursor.execute(
        "SELECT number, epoch FROM keyring_shard WHERE tenant_id = %s AND number = ANY(%s::int[]) "
        "ORDER BY number FOR UPDATE",
        [current_tenant(), list(shards)],
    )
    return dict(cursor.fetchall())


def _columns(targets: Targets) -> tuple[list[int], list[int]]:
    return list(targets), list(targets.values())

"""The sequencer's SQL. It works as a role that sees every tenant's rows of these tables, so every statement names them.

Several logs are read by one statement, each by a subquery that asks an index for no more than its rows: OFFSET or LIMIT
keeps the planner, which knows neither logs nor sizes, from joining the whole table instead (20 ms at 15,000 entries).

Rows go in by `INSERT … SELECT unnest`: COPY is refused under row-level security; this way was measured at 30 k rows/s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import pq

from audit.lanes import Row
from audit.manifest import Place
from audit.origin import DIRECTORY
from foundation.kernel.ids import uuid7

LEASE_SECONDS = 10
TilePlace = tuple[UUID, int, int]
"""(log, level, number)."""
Piece = tuple[UUID, int, int, bytes]
"""A tile or a manifest node: its log, its level, its number there, its bytes."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An outbox row as it stands: nothing in it is believed yet."""

    row: Row
    chain: bytes
    mac: bytes
    seq: int
    known: bool
    """Whether an event of its id is in the log already."""


@dataclass(frozen=True, slots=True)
class LaneState:
    """How far a lane was followed."""

    id: UUID
    tenant: UUID
    n: int
    chain: bytes
    closed: bool
    mac: bytes


@dataclass(frozen=True, slots=True)
class HeadRow:
    """A log's head as it stands in the database."""

    tenant: UUID
    size: int
    root: bytes
    note: str


@dataclass(frozen=True, slots=True)
class EntryRow:
    """A new leaf with the columns that repeat it."""

    tenant: UUID
    id: UUID
    index: int
    leaf_hash: bytes
    entry: bytes
    act: str
    actor_id: UUID
    target_kind: str | None
    target_id: UUID | None
    outcome: str
    policy: str
    ts: int


class Rows:
    """The statements, on one cursor of the alias `sequencer`, inside one transaction."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        cursor.cursor.format = pq.Format.BINARY  # bytes come as they are, not as hex to be read

    def _all(self, sql: str, *values: Any) -> list[Any]:
        self._cursor.execute(sql, values)
        return list(self._cursor.fetchall())

    def _do(self, sql: str, *values: Any) -> int:
        self._cursor.execute(sql, values)
        return int(self._cursor.rowcount)

    def lead(self, holder: UUID) -> bool:
        """Take or keep the lease. The row stays locked to the transaction's end: two sequencers never write at once."""
        return bool(
            self._do(
                """INSERT INTO audit_lease AS held (tenant_id, id, holder, until)
                   VALUES (%s, %s, %s, clock_timestamp() + make_interval(secs => %s))
                   ON CONFLICT (tenant_id, id) DO UPDATE SET holder = excluded.holder, until = excluded.until
                   WHERE held.holder = excluded.holder OR held.until < clock_timestamp()""",
                DIRECTORY,
                DIRECTORY,
                holder,
                LEASE_SECONDS,
            )
        )

    def resign(self, holder: UUID) -> None:
        """Let the lease go."""
        self._do("UPDATE audit_lease SET until = clock_timestamp() WHERE holder = %s", holder)

    def tenants_waiting(self, after: UUID, limit: int) -> list[UUID]:
        """Tenants with outbox rows and no quarantine, from the one after `after` on, each found by one index probe."""
        found = self._all(
            """WITH RECURSIVE waiting(tenant_id) AS (
                 (SELECT tenant_id FROM audit_outbox WHERE tenant_id > %s ORDER BY tenant_id LIMIT 1)
                 UNION ALL
                 SELECT (SELECT o.tenant_id FROM audit_outbox o WHERE o.tenant_id > w.tenant_id
                          ORDER BY o.tenant_id LIMIT 1) FROM waiting w WHERE w.tenant_id IS NOT NULL)
               SELECT tenant_id FROM waiting WHERE tenant_id IS NOT NULL AND tenant_id NOT IN
                 (SELECT tenant_id FROM audit_quarantine WHERE lifted_at IS NULL) LIMIT %s""",
            after,
            limit,
        )
        return [tenant for (tenant,) in found]

    def waiting(self, tenants: Sequence[UUID], quota: int) -> list[Waiting]:
        """Up to `quota` rows of each tenant, in order of insertion; none of one that is in quarantine by now."""
        found = self._all(
            """SELECT o.tenant_id, o.id, o.lane, o.n, o.entry, o.detail, o.query, o.touched, o.written_at,
                      o.chain, o.mac, o.seq, known.id IS NOT NULL
                 FROM unnest(%b::uuid[]) AS t(id) CROSS JOIN LATERAL
                      (SELECT * FROM audit_outbox x WHERE x.tenant_id = t.id ORDER BY x.seq LIMIT %s) o
                 LEFT JOIN LATERAL (SELECT id FROM audit_entry e
                                     WHERE e.tenant_id = o.tenant_id AND e.id = o.id LIMIT 1) known ON true
                WHERE t.id NOT IN (SELECT tenant_id FROM audit_quarantine WHERE lifted_at IS NULL)""",
            list(tenants),
            quota,
        )
        return [
            Waiting(Row(lane, n, tenant, id_, entry, detail, query, tuple(touched), written_at), *rest)
            for tenant, id_, lane, n, entry, detail, query, touched, written_at, *rest in found
        ]

    def lanes(self, ids: Iterable[UUID]) -> dict[UUID, LaneState]:
        found = self._all(
            "SELECT id, tenant_id, n, chain, closed, mac FROM audit_lane WHERE id = ANY(%b::uuid[])", list(ids)
        )
        return {row[0]: LaneState(*row) for row in found}

    def heads(self) -> dict[UUID, HeadRow]:
        """The heads of all logs that are not in quarantine."""
        found = self._all(
            """SELECT tenant_id, size, root, note FROM audit_head WHERE tenant_id NOT IN
               (SELECT tenant_id FROM audit_quarantine WHERE lifted_at IS NULL) ORDER BY tenant_id DESC"""
        )
        return {row[0]: HeadRow(*row) for row in found}

    def standing(self, logs: Iterable[UUID]) -> tuple[dict[UUID, HeadRow], set[UUID]]:
        """The heads of the given logs that have one, and those of the logs that have entries beyond their head: nobody
        but the sequencer puts them there."""
        found = self._all(
            """SELECT t.id, h.size, h.root, h.note, EXISTS
                 (SELECT 1 FROM audit_entry e WHERE e.tenant_id = t.id AND e."index" >= COALESCE(h.size, 0))
                 FROM unnest(%b::uuid[]) AS t(id) LEFT JOIN audit_head h ON h.tenant_id = t.id AND h.id = t.id""",
            list(logs),
        )
        heads = {row[0]: HeadRow(*row[:4]) for row in found if row[3] is not None}
        return heads, {row[0] for row in found if row[4]}

    def tiles(self, places: Sequence[TilePlace]) -> dict[TilePlace, bytes]:
        """The hashes of those tiles that there are."""
        found = self._all(
            """SELECT a.tenant_id, a.level, a."number", tile.hashes
                 FROM unnest(%b::uuid[], %s::int[], %s::bigint[]) AS a(tenant_id, level, "number") CROSS JOIN LATERAL
                      (SELECT hashes FROM audit_tile x WHERE x.tenant_id = a.tenant_id AND x.level = a.level
                          AND x."number" = a."number" LIMIT 1) tile""",
            *([place[at] for place in places] for at in range(3)),
        )
        return {(tenant, level, number): hashes for tenant, level, number, hashes in found}

    def tile(self, tenant: UUID, level: int, number: int) -> bytes:
        """A tile's hashes; empty where there is none."""
        found = self._all(
            "SELECT hashes FROM audit_tile WHERE tenant_id = %s AND level = %s AND number = %s", tenant, level, number
        )
        return found[0][0] if found else b""

    def nodes(self, tenant: UUID, places: Sequence[Place]) -> dict[Place, bytes]:
        """Manifest nodes at the given places."""
        found = self._all(
            """SELECT level, "index", body FROM audit_manifestnode
                WHERE tenant_id = %s AND (level, "index") IN (SELECT * FROM unnest(%s::int[], %s::bigint[]))""",
            tenant,
            [level for level, _ in places],
            [index for _, index in places],
        )
        return {(level, index): body for level, index, body in found}

    def add(self, entries: Sequence[EntryRow], tiles: Sequence[Piece], nodes: Sequence[Piece]) -> None:
        """New leaves, with the tiles and manifest nodes that are new or changed."""
        self._do(
            """WITH tiles AS (
                 INSERT INTO audit_tile (tenant_id, id, level, "number", hashes)
                 SELECT * FROM unnest(%b::uuid[], %b::uuid[], %s::int[], %s::bigint[], %b::bytea[])
                 ON CONFLICT (tenant_id, level, "number") DO UPDATE SET hashes = excluded.hashes),
               nodes AS (
                 INSERT INTO audit_manifestnode (tenant_id, id, level, "index", body)
                 SELECT * FROM unnest(%b::uuid[], %b::uuid[], %s::int[], %s::bigint[], %b::bytea[])
                 ON CONFLICT (tenant_id, level, "index") DO UPDATE SET body = excluded.body)
               INSERT INTO audit_entry (tenant_id, id, "index", leaf_hash, entry, act, actor_id, target_kind, target_id,
                                        outcome, policy, ts)
               SELECT * FROM unnest(%b::uuid[], %b::uuid[], %s::bigint[], %b::bytea[], %b::bytea[], %s::text[],
                 %b::uuid[], %s::text[], %b::uuid[], %s::text[], %s::text[], %s::bigint[])""",
            *_columns(tiles),
            *_columns(nodes),
            *([getattr(entry, name) for entry in entries] for name in EntryRow.__slots__),
        )

    def read_back(self, sizes: Mapping[UUID, int]) -> dict[UUID, list[tuple[bytes, bytes]]]:
        """(entry, leaf hash) of each log's leaves from the given one on, as they now stand."""
        found = self._all(
            """SELECT t.id, e.entry, e.leaf_hash FROM unnest(%b::uuid[], %s::bigint[]) AS t(id, size)
                 CROSS JOIN LATERAL (SELECT * FROM audit_entry x WHERE x.tenant_id = t.id AND x."index" >= t.size
                                      ORDER BY x."index" OFFSET 0) e
                ORDER BY t.id, e.index""",
            list(sizes),
            list(sizes.values()),
        )
        stored: dict[UUID, list[tuple[bytes, bytes]]] = {log: [] for log in sizes}
        for log, entry, leaf in found:
            stored[log].append((entry, leaf))
        return stored

    def set_heads(self, moves: Sequence[tuple[HeadRow | None, HeadRow]]) -> bool:
        """Compare-and-set of (old, new) heads, of different logs; False if one was not where this round found it."""
        first = [new for old, new in moves if old is None]
        moved = [(old, new) for old, new in moves if old is not None]
        return (not first or self._first_heads(first)) and (not moved or self._move_heads(moved))

    def _first_heads(self, heads: Sequence[HeadRow]) -> bool:
        done = self._do(
            """INSERT INTO audit_head (tenant_id, id, size, root, note, signed_at)
               SELECT id, id, size, root, note, now() FROM
                 unnest(%b::uuid[], %s::bigint[], %b::bytea[], %s::text[]) AS new(id, size, root, note)
               ON CONFLICT (tenant_id, id) DO NOTHING""",
            *([getattr(head, name) for head in heads] for name in HeadRow.__slots__),
        )
        return done == len(heads)

    def _move_heads(self, moves: Sequence[tuple[HeadRow, HeadRow]]) -> bool:
        done = self._do(
            """UPDATE audit_head h SET size = new.size, root = new.root, note = new.note, signed_at = now()
                 FROM unnest(%b::uuid[], %s::bigint[], %b::bytea[], %s::text[], %s::bigint[], %b::bytea[])
                   AS new(id, size, root, note, old_size, old_root)
                WHERE h.tenant_id = new.id AND h.id = new.id AND h.size = old_size AND h.root = old_root""",
            *([getattr(new, name) for _, new in moves] for name in HeadRow.__slots__),
            [old.size for old, _ in moves],
            [old.root for old, _ in moves],
        )
        return done == len(moves)

    def settle(self, rows: Sequence[Row], lanes: Sequence[LaneState]) -> None:
        """Take sequenced rows out of the outbox, keep their details, and say how far their lanes were followed."""
        detailed = [row for row in rows if row.detail is not None]
        self._do(
            """WITH details AS (
                 INSERT INTO audit_detail (tenant_id, id, sealed, query)
                 SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::bytea[], %b::bytea[])
                 ON CONFLICT (tenant_id, id) DO NOTHING),
               lanes AS (
                 INSERT INTO audit_lane (id, tenant_id, n, chain, closed, mac, seen_at)
                 SELECT *, now() FROM unnest(%b::uuid[], %b::uuid[], %s::bigint[], %b::bytea[], %s::bool[], %b::bytea[])
                 ON CONFLICT (tenant_id, id) DO UPDATE SET n = excluded.n, chain = excluded.chain,
                   closed = excluded.closed, mac = excluded.mac, seen_at = excluded.seen_at)
               DELETE FROM audit_outbox o USING unnest(%b::uuid[], %b::uuid[]) AS done(tenant_id, id)
                WHERE o.tenant_id = done.tenant_id AND o.id = done.id""",
            *([getattr(row, name) for row in detailed] for name in ("tenant", "id", "detail", "query")),
            *([getattr(lane, name) for lane in lanes] for name in LaneState.__slots__),
            *([getattr(row, name) for row in rows] for name in ("tenant", "id")),
        )

    def forget_lanes(self) -> None:
        """Drop lanes unused for a day: their processes let go of them after ten minutes."""
        self._do("DELETE FROM audit_lane WHERE seen_at < now() - interval '1 day'")

    def lift(self, tenant: UUID) -> None:
        """Let a tenant's ledger go on."""
        self._do("UPDATE audit_quarantine SET lifted_at = now() WHERE tenant_id = %s AND lifted_at IS NULL", tenant)

    def quarantine(self, tenant: UUID, reason: str) -> None:
        """Stop a tenant's ledger; once is enough."""
        self._do(
            """INSERT INTO audit_quarantine (tenant_id, id, reason, raised_at)
               SELECT %s, %s, %s, now() WHERE NOT EXISTS
                 (SELECT 1 FROM audit_quarantine WHERE tenant_id = %s AND lifted_at IS NULL)""",
            tenant,
            uuid7(),
            reason,
            tenant,
        )


def _columns(pieces: Sequence[Piece]) -> list[list[Any]]:
    tenants, levels, numbers, bodies = ([piece[at] for piece in pieces] for at in range(4))
    return [tenants, [uuid7() for _ in pieces], levels, numbers, bodies]

"""The sequencer's SQL. It works as a role that sees every tenant's rows of these tables, so every statement names them.

Rows go in by `INSERT … SELECT unnest`: COPY is refused under row-level security; this way was measured at 30 k rows/s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import pq

from audit.lanes import Row
from audit.manifest import Place
from audit.origin import DIRECTORY
from foundation.kernel.ids import uuid7

LEASE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Waiting:
    """An outbox row as it stands: nothing in it is believed yet."""

    row: Row
    chain: bytes
    mac: bytes
    seq: int


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
        """Up to `quota` rows of each tenant, in order of insertion."""
        found = self._all(
            """SELECT o.tenant_id, o.id, o.lane, o.n, o.chain, o.entry, o.detail, o.query, o.touched, o.mac,
                      o.written_at, o.seq
                 FROM unnest(%b::uuid[]) AS t(id) CROSS JOIN LATERAL
                      (SELECT * FROM audit_outbox x WHERE x.tenant_id = t.id ORDER BY x.seq LIMIT %s) o""",
            list(tenants),
            quota,
        )
        return [
            Waiting(Row(lane, n, tenant, id_, entry, detail, query, tuple(touched), written_at), chain, mac, seq)
            for tenant, id_, lane, n, chain, entry, detail, query, touched, mac, written_at, seq in found
        ]

    def lanes(self, ids: Iterable[UUID]) -> dict[UUID, LaneState]:
        found = self._all(
            "SELECT id, tenant_id, n, chain, closed, mac FROM audit_lane WHERE id = ANY(%b::uuid[])", list(ids)
        )
        return {row[0]: LaneState(*row) for row in found}

    def heads(self, tenants: Iterable[UUID] | None = None) -> dict[UUID, HeadRow]:
        """Heads of the given logs; of all that are not in quarantine, where none are given."""
        if tenants is None:
            found = self._all(
                """SELECT tenant_id, size, root, note FROM audit_head WHERE tenant_id NOT IN
                   (SELECT tenant_id FROM audit_quarantine WHERE lifted_at IS NULL) ORDER BY tenant_id DESC"""
            )
        else:
            found = self._all(
                "SELECT tenant_id, size, root, note FROM audit_head WHERE tenant_id = ANY(%b::uuid[])", list(tenants)
            )
        return {row[0]: HeadRow(*row) for row in found}

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

    def known(self, tenants: Sequence[UUID], ids: Sequence[UUID]) -> set[UUID]:
        """Those tenants of the given (tenant, event id) pairs of which an event is in the log already."""
        found = self._all(
            """SELECT DISTINCT e.tenant_id FROM unnest(%b::uuid[], %b::uuid[]) AS asked(tenant_id, id)
                 JOIN audit_entry e ON e.tenant_id = asked.tenant_id AND e.id = asked.id""",
            list(tenants),
            list(ids),
        )
        return {tenant for (tenant,) in found}

    def overgrown(self, sizes: Sequence[tuple[UUID, int]]) -> set[UUID]:
        """Those tenants whose table has entries beyond the head: nobody but the sequencer puts them there."""
        found = self._all(
            """SELECT t.id FROM unnest(%b::uuid[], %s::bigint[]) AS t(id, size) WHERE EXISTS
                 (SELECT 1 FROM audit_entry e WHERE e.tenant_id = t.id AND e."index" >= t.size)""",
            [tenant for tenant, _ in sizes],
            [size for _, size in sizes],
        )
        return {tenant for (tenant,) in found}

    def add_entries(self, entries: Sequence[EntryRow]) -> None:
        self._do(
            """INSERT INTO audit_entry (tenant_id, id, "index", leaf_hash, entry, act, actor_id, target_kind, target_id,
                                        outcome, policy, ts)
               SELECT * FROM unnest(%b::uuid[], %b::uuid[], %s::bigint[], %b::bytea[], %b::bytea[], %s::text[],
                 %b::uuid[], %s::text[], %b::uuid[], %s::text[], %s::text[], %s::bigint[])""",
            *([getattr(entry, name) for entry in entries] for name in EntryRow.__slots__),
        )

    def add_details(self, rows: Sequence[Row]) -> None:
        rows = [row for row in rows if row.detail is not None]
        self._do(
            """INSERT INTO audit_detail (tenant_id, id, sealed, query)
               SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::bytea[], %b::bytea[])
               ON CONFLICT (tenant_id, id) DO NOTHING""",
            [row.tenant for row in rows],
            [row.id for row in rows],
            [row.detail for row in rows],
            [row.query for row in rows],
        )

    def put_tiles(self, tiles: Sequence[tuple[UUID, int, int, bytes]]) -> None:
        self._put("audit_tile", '"level", "number", hashes', "level, number", tiles)

    def put_nodes(self, nodes: Sequence[tuple[UUID, int, int, bytes]]) -> None:
        self._put("audit_manifestnode", '"level", "index", body', '"level", "index"', nodes)

    def _put(self, table: str, columns: str, key: str, values: Sequence[tuple[UUID, int, int, bytes]]) -> None:
        last = columns.rpartition(" ")[2]
        self._do(
            f"""INSERT INTO {table} (tenant_id, id, {columns})
                SELECT * FROM unnest(%b::uuid[], %b::uuid[], %s::int[], %s::bigint[], %b::bytea[])
                ON CONFLICT (tenant_id, {key}) DO UPDATE SET {last} = excluded.{last}""",  # noqa: S608 - no input
            [value[0] for value in values],
            [uuid7() for _ in values],
            *([value[at] for value in values] for at in (1, 2, 3)),
        )

    def read_back(self, tenant: UUID, first: int) -> list[tuple[bytes, bytes]]:
        """(entry, leaf hash) of the log's leaves from `first` on, as they now stand."""
        return self._all(
            'SELECT entry, leaf_hash FROM audit_entry WHERE tenant_id = %s AND "index" >= %s ORDER BY "index"',
            tenant,
            first,
        )

    def set_head(self, old: HeadRow | None, new: HeadRow) -> bool:
        """Compare-and-set: False if the head was not where this round found it."""
        if old is None:
            return bool(
                self._do(
                    """INSERT INTO audit_head (tenant_id, id, size, root, note, signed_at)
                       VALUES (%s, %s, %s, %s, %s, now()) ON CONFLICT (tenant_id, id) DO NOTHING""",
                    new.tenant,
                    new.tenant,
                    new.size,
                    new.root,
                    new.note,
                )
            )
        return bool(
            self._do(
                """UPDATE audit_head SET size = %s, root = %s, note = %s, signed_at = now()
                    WHERE tenant_id = %s AND size = %s AND root = %s""",
                new.size,
                new.root,
                new.note,
                new.tenant,
                old.size,
                old.root,
            )
        )

    def put_lanes(self, lanes: Sequence[LaneState]) -> None:
        self._do(
            """INSERT INTO audit_lane (id, tenant_id, n, chain, closed, mac, seen_at)
               SELECT *, now() FROM unnest(%b::uuid[], %b::uuid[], %s::bigint[], %b::bytea[], %s::bool[], %b::bytea[])
               ON CONFLICT (tenant_id, id) DO UPDATE SET n = excluded.n, chain = excluded.chain,
                 closed = excluded.closed, mac = excluded.mac, seen_at = excluded.seen_at""",
            *([getattr(lane, name) for lane in lanes] for name in LaneState.__slots__),
        )

    def forget_lanes(self) -> None:
        """Drop lanes unused for a day: their processes let go of them after ten minutes."""
        self._do("DELETE FROM audit_lane WHERE seen_at < now() - interval '1 day'")

    def drop(self, rows: Sequence[Row]) -> None:
        """Take sequenced rows out of the outbox."""
        self._do(
            """DELETE FROM audit_outbox o USING unnest(%b::uuid[], %b::uuid[]) AS done(tenant_id, id)
                WHERE o.tenant_id = done.tenant_id AND o.id = done.id""",
            [row.tenant for row in rows],
            [row.id for row in rows],
        )

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

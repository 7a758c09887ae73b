"""The engine inside PostgreSQL: an exact scan of what the plan permits, both arms in one statement.

For the embedded default and small deployments. Approximate indexes are left out on purpose: under row-level security a
GIN index on terms is never used (`&&` is not leakproof), and a graph index filters only after it has chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from foundation import telemetry
from foundation.kernel.problems import Integrity, Unavailable
from foundation.kernel.rows import execute, pipelined, sent
from foundation.kernel.scope import current_work, tenant_transaction
from foundation.search import generations, models, statistics
from foundation.search.analysis import weigh, witnesses
from foundation.search.port import (
    ACTIVE,
    Collection,
    Document,
    Expected,
    Generation,
    Hit,
    Key,
    Parity,
    Plan,
    StaleGeneration,
    Statistics,
)
from foundation.search.rows import COLUMNS, NEVER, REMOVED, Row, Share, dense, row_of, sparse, terms_in, tombstone
from foundation.search.sql import Clause, asked_for, conjunction, execute_each, permitted, standing
from foundation.telemetry import instruments

RETRY_AFTER = 5  # seconds; a lost index of a small tenant is rebuilt in less
_CHUNK = 500
_Item = TypeVar("_Item")

_INSERT = """INSERT INTO search_entry ({columns}) VALUES ({values})
ON CONFLICT (tenant_id, id) DO UPDATE SET {updates}
WHERE search_entry.revision < EXCLUDED.revision"""
_UPSERT = _INSERT.format(
    columns=", ".join(COLUMNS),
    values=", ".join(f"%s::{kind}" for kind in COLUMNS.values()),
    updates=", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS),
)

_STANDING = """SELECT id, revision, generation, collection, space_id, acl,
CASE WHEN state = %s AND superseded_at = %s THEN lex::text END FROM search_entry WHERE {where} FOR UPDATE"""

# The nearest by meaning alone: nothing of the words is read. As many as are wanted of whatever comes first already say
# how near is near enough, so that few of the rest need to be put in order; without so many, everything is.
_NEAREST = """WITH sample AS (SELECT -(vec <#> %s::halfvec) AS dense FROM search_entry WHERE {where} LIMIT 8 * %s),
enough AS (SELECT dense FROM sample WHERE dense IS NOT NULL ORDER BY dense DESC OFFSET %s - 1 LIMIT 1)
SELECT tenant_id, record_id, version, NULL, -(vec <#> %s::halfvec) AS dense, session, position, NULL FROM search_entry
WHERE {where} AND -(vec <#> %s::halfvec) >= coalesce((SELECT dense FROM enough), '-Infinity')
ORDER BY dense DESC, record_id, version LIMIT %s"""

# The candidates are scored once, after every bound; each arm then names its best, which keep both their scores. Only of
# those is told what each term and mark brought.
_SEARCH = """WITH candidate AS MATERIALIZED (
  SELECT tenant_id, id, record_id, version, -(lex <#> %s::sparsevec) AS lexical, -(vec <#> %s::halfvec) AS dense,
         session, position
    FROM search_entry WHERE {where}),
best AS (
  (SELECT * FROM candidate WHERE lexical > 0 ORDER BY lexical DESC, record_id, version LIMIT %s)
  UNION
  (SELECT * FROM candidate WHERE dense IS NOT NULL ORDER BY dense DESC, record_id, version LIMIT %s))
SELECT tenant_id, record_id, version, lexical, dense, best.session, best.position, ARRAY[{each}]::real[]
  FROM best JOIN search_entry entry USING (tenant_id, id, record_id, version)"""
_TOLD = "-(entry.lex <#> %s::sparsevec)"


@dataclass(frozen=True, slots=True)
class _Query:
    """A plan's statement. `terms`: whose shares its rows tell, with those of the marks after them."""

    statement: str
    values: Sequence[Any]
    terms: Sequence[int] = ()

    def hits(self, rows: Sequence[tuple[Any, ...]]) -> list[Hit]:
        """Raises `Integrity` for a foreign row."""
        mine = current_work().tenant_id.int
        if any(row[0].int != mine for row in rows):
            telemetry.record(instruments.SEARCH_BLOCKED, 1, telemetry.Where.ENGINE)
            raise Integrity("The search engine answered with another tenant's row.")
        return [_hit(row, self.terms) for row in rows]


class PostgresEngine:
    """`SearchEngine` on the tables of `models`, in the caller's tenant transaction."""

    beacons_here = True
    scrub_after = None

    def put(self, documents: Sequence[Document]) -> int:
        if not documents:
            return 0
        numbers = {document.generation for document in documents}
        if unsure := numbers - generations.demand(sorted(numbers)):
            self._demand_whole(*unsure)  # who waited for a lock may have seen a beacon of before
        return sum(self._write([row_of(document) for document in chunk]) for chunk in _chunks(documents))

    def remove(self, keys: Sequence[Key]) -> None:
        tenant_id, live = current_work().tenant_id, generations.lock()
        for chunk in _chunks((number, key) for number in live for key in keys):
            self._write([tombstone(tenant_id, number, key) for number, key in chunk])

    def settle(self, keys: Sequence[Key]) -> None:
        """For removals that another engine left owed; this one's went with their transaction."""
        with tenant_transaction():
            self.remove(keys)

    def scrub(self) -> None:
        """Nothing of ours is in WAL or backups; the tables' own pages are VACUUM's, which no role of ours may run. So
        all there is to do is to delete the generations that are no longer live."""
        with tenant_transaction():
            retired = models.Generation.objects.filter(state=models.Generation.State.RETIRED)
            self._empty(list(retired.values_list("number", flat=True)))

    def search(self, plan: Plan) -> list[Hit]:
        query = self._query(plan)
        return query.hits(execute(query.statement, query.values)) if query else []

    @contextmanager
    def searching(self, plans: Sequence[Plan]) -> Iterator[Iterator[list[Hit]]]:
        queries = [self._query(plan) for plan in plans]
        with pipelined():
            asked = [query and (query, sent(query.statement, query.values)) for query in queries]
            yield (each[0].hits(each[1]()) if each else [] for each in asked)

    def _query(self, plan: Plan) -> _Query | None:
        """None where nothing can be found."""
        if not generations.seen_whole(plan.generation):
            self._demand_whole(plan.generation)
        if plan.spaces is not None and not plan.spaces:
            return None
        where = conjunction([*permitted(plan, "search_entry"), *standing(plan), *asked_for(plan)])
        if not plan.terms:
            return _nearest(plan, where)
        found = self.statistics(plan)
        weights = weigh(plan.terms, found.documents, found.frequencies)
        terms = witnesses(weights)
        told = [*({term: weights[term]} for term in terms), *_sought(plan)]
        statement = _SEARCH.format(where=where.sql, each=", ".join([_TOLD] * len(told)))
        values = [sparse(weights), dense(plan.vector), *where.values, plan.depth, plan.depth, *map(sparse, told)]
        return _Query(statement, values, terms)

    def statistics(self, plan: Plan) -> Statistics:
        return statistics.past(plan) if plan.in_the_past else statistics.present(plan)

    def rebuild(self, generation: Generation, documents: Iterable[Document]) -> int:
        """Raises `StaleGeneration` if the generation is not live."""
        row = generations.lock().get(generation.number)
        if row is None:
            raise StaleGeneration
        self._empty([generation.number])
        chunks = (list(map(row_of, chunk)) for chunk in _chunks(documents))
        written = sum(self._write(chunk) for chunk in chunks)
        generations.mark_whole(row)
        return written

    def purge(self) -> None:
        generations.lock()
        self._empty(list(models.Generation.objects.values_list("number", flat=True)))

    def parity(self, generation: Generation, collection: Collection, expected: Iterable[Expected]) -> Parity:
        there = self._revisions(generation, collection)
        wanted = {(version.id, version.version): version.revision for version in expected}
        both = wanted.keys() & there.keys()
        return Parity(
            missing=frozenset(wanted.keys() - there.keys()),
            stale=frozenset(key for key in both if wanted[key] != there[key]),
            orphans=frozenset(there.keys() - wanted.keys()),
        )

    def holding(self, ids: Iterable[UUID]) -> set[UUID]:
        entries = models.Entry.objects.filter(record_id__in=list(ids)).exclude(state=REMOVED)
        return set(entries.values_list("record_id", flat=True))

    def ready(self, generation: Generation) -> bool:
        return generation.number in generations.whole([generation.number])

    def _demand_whole(self, *numbers: int) -> None:
        if not generations.whole(numbers).issuperset(numbers):
            raise Unavailable("The search index is being rebuilt.", retry_after=RETRY_AFTER)

    def _write(self, rows: Iterable[Row]) -> int:
        """Write the rows that are newer than what stands, and count the difference. The index lock is held."""
        newest: dict[UUID, Row] = {}
        for row in sorted(rows, key=lambda row: row.revision):
            newest[row.id] = row
        stood = _stood(list(newest))
        written = [row for row in newest.values() if row.id not in stood or stood[row.id][0] < row.revision]
        if not written:
            return 0
        if len(written) == 1:
            execute(_UPSERT, written[0].values)
        else:
            execute_each(_UPSERT, [row.values for row in written])
        taken = [share for row in written if row.id in stood and (share := stood[row.id][1])]
        statistics.change(current_work().tenant_id, [row.share for row in written if row.share], taken)
        return len(written)

    def _empty(self, numbers: Sequence[int]) -> None:
        models.Entry.objects.filter(generation__in=numbers).delete()
        scopes = models.Scope.objects.filter(generation__in=numbers)
        models.Counter.objects.filter(scope_id__in=list(scopes.values_list("id", flat=True))).delete()
        scopes.delete()

    def _revisions(self, generation: Generation, collection: Collection) -> dict[tuple[UUID, int], int]:
        entries = models.Entry.objects.filter(generation=generation.number, collection=collection.value)
        rows = entries.exclude(state=REMOVED).values_list("record_id", "version", "revision")
        return {(record_id, version): revision for record_id, version, revision in rows}


def _sought(plan: Plan) -> list[dict[int, float]]:
    """The marks: any of the speakers, and asking."""
    asks = {} if plan.marks.asks is None else {plan.marks.asks: 1.0}
    return [dict.fromkeys(plan.marks.speakers, 1.0), asks]


def _nearest(plan: Plan, where: Clause) -> _Query | None:
    if plan.vector is None:
        return None
    asked, most = dense(plan.vector), plan.depth
    values = [asked, *where.values, most, most, asked, *where.values, asked, most]
    return _Query(_NEAREST.format(where=where.sql), values)


def _stood(ids: Sequence[UUID]) -> dict[UUID, tuple[int, Share | None]]:
    """Of the rows that stand: revision and share."""
    where = conjunction([Clause("id = ANY(%s::uuid[])", [ids])])
    rows = execute(_STANDING.format(where=where.sql), [ACTIVE, NEVER, *where.values])
    return {
        row: (revision, Share(number, collection, space, tuple(acl), terms_in(lex)) if lex else None)
        for row, revision, number, collection, space, acl, lex in rows
    }


def _hit(row: tuple[Any, ...], terms: Sequence[int]) -> Hit:
    _, record_id, version, lexical, similar, session, position, told = row
    if not told:
        return Hit(record_id, version, lexical, similar, session, position)
    words = {term: share for term, share in zip(terms, told, strict=False) if share > 0}  # the marks come after them
    return Hit(record_id, version, lexical, similar, session, position, words, told[-2] > 0, told[-1] > 0)


def _chunks(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    source = iter(items)
    while chunk := list(islice(source, _CHUNK)):
        yield chunk

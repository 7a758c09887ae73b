"""Which searches handed a bad version out: the prompts it entered."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from foundation.kernel.rows import execute
from foundation.kernel.scope import current_work
from governance.models import Retrieval
from governance.opening import Place

_OF = """FROM "governance_retrievalhit" hit JOIN unnest(%s::uuid[], %s::int[]) AS bad (id, version)
ON bad.id = hit.memcube_id AND bad.version = hit.version WHERE hit.tenant_id = %s"""


@dataclass(frozen=True, slots=True)
class Handed:
    """One search that handed bad versions out: to whom, when, and which."""

    retrieval_id: UUID
    principal_id: UUID
    at: datetime
    hits: tuple[Place, ...]


def count_retrievals(places: Collection[Place]) -> int:
    """How many searches handed any of the versions out (inside a transaction)."""
    [(count,)] = execute(f"SELECT count(DISTINCT hit.retrieval_id) {_OF}", _values(places))
    return int(count)


def retrievals(places: Collection[Place], *, before: UUID | None, limit: int) -> list[Handed]:
    """Up to `limit` + 1 of those searches, newest first, before the id `before` (inside a transaction)."""
    ids = _page(places, before, limit + 1)
    found: dict[UUID, set[Place]] = defaultdict(set)
    hits = f"SELECT hit.retrieval_id, hit.memcube_id, hit.version {_OF} AND hit.retrieval_id = ANY(%s)"
    for retrieval_id, cube_id, version in execute(hits, [*_values(places), ids]):
        found[retrieval_id].add((cube_id, version))
    rows = Retrieval.objects.in_bulk(ids)
    return [Handed(each, rows[each].principal_id, rows[each].at, tuple(sorted(found[each]))) for each in ids]


def _page(places: Collection[Place], before: UUID | None, count: int) -> list[UUID]:
    values, older = _values(places), ""
    if before is not None:
        values, older = [*values, before], "AND hit.retrieval_id < %s"
    page = f"SELECT DISTINCT hit.retrieval_id {_OF} {older} ORDER BY 1 DESC LIMIT %s"
    return [retrieval_id for (retrieval_id,) in execute(page, [*values, count])]


def _values(places: Collection[Place]) -> list[Any]:
    return [[cube_id for cube_id, _ in places], [number for _, number in places], current_work().tenant_id]

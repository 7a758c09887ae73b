"""Which searches handed a bad version out: the prompts it entered."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from foundation.kernel.rows import in_parts
from governance.models import Retrieval, RetrievalHit
from governance.opening import Place


@dataclass(frozen=True, slots=True)
class Handed:
    """One search that handed bad versions out: to whom, when, and which."""

    retrieval_id: UUID
    principal_id: UUID
    at: datetime
    hits: tuple[Place, ...]


def count_retrievals(places: Collection[Place]) -> int:
    """How many searches handed any of the versions out (inside a transaction)."""
    return len(_found(places, None))


def retrievals(places: Collection[Place], *, before: UUID | None, limit: int) -> list[Handed]:
    """Up to `limit` + 1 of those searches, newest first, before the id `before` (inside a transaction)."""
    found = _found(places, before)
    ids = sorted(found, reverse=True)[: limit + 1]
    rows = Retrieval.objects.in_bulk(ids)
    return [Handed(each, rows[each].principal_id, rows[each].at, tuple(sorted(found[each]))) for each in ids]


def _found(places: Collection[Place], before: UUID | None) -> dict[UUID, set[Place]]:
    wanted, found = set(places), dict[UUID, set[Place]]()
    for part in in_parts({cube_id for cube_id, _ in wanted}):
        hits = RetrievalHit.objects.filter(memcube_id__in=part)
        if before is not None:
            hits = hits.filter(retrieval_id__lt=before)
        rows = hits.order_by().values_list("retrieval_id", "memcube_id", "version")
        for retrieval_id, cube_id, number in rows.iterator():
            if (cube_id, number) in wanted:
                found.setdefault(retrieval_id, set()).add((cube_id, number))
    return found

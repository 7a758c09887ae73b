"""`SearchEngine` on OpenSearch, in the caller's tenant transaction.

PostgreSQL keeps which filling (*build*) of each generation counts; OpenSearch is not transactional and need not be:

- a put carries what is committed already, under its external version, so it may happen though the transaction fails;
- a removal is noted in the outbox, so it happens if and only if the transaction commits, whatever the node does
  meanwhile; it is tried at once after the commit too. Until then a hit is refused by whoever reads its row again;
- a rebuild writes a new build beside the old one, and the transaction's commit switches between them.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings

from foundation.kernel.outbox import enqueue_many
from foundation.kernel.problems import Integrity, Unavailable
from foundation.kernel.scope import current_work, tenant_transaction
from foundation.search import generations, models
from foundation.search.generations import NOTHING_YET
from foundation.search.opensearch import asking, indices, query, scan, writing
from foundation.search.opensearch.asking import Place, Vocabulary
from foundation.search.opensearch.connection import RETRY_AFTER, Connection, field, whole
from foundation.search.opensearch.documents import (
    BEACON,
    Write,
    beacon,
    beacon_id,
    demand_ours,
    tombstone,
    written,
)
from foundation.search.port import (
    REMOVE,
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
from foundation.search.rows import REMOVED

_KEYS = 200
_SCRUB = 600.0

log = logging.getLogger(__name__)


class OpenSearchEngine:
    """One per process; safe to share between threads."""

    beacons_here = False
    scrub_after = timedelta(seconds=45)  # a shard keeps removed documents for its replicas until it tells them, in 30 s

    def __init__(self) -> None:
        self._node = Connection()
        self._vocabulary = Vocabulary()

    # Writing

    def put(self, documents: Sequence[Document]) -> int:
        live = generations.lock()
        numbers = {document.generation for document in documents}
        if not numbers <= live.keys():
            raise StaleGeneration
        return sum(
            self._put(live[number], [one for one in documents if one.generation == number]) for number in numbers
        )

    def _put(self, row: models.Generation, given: Sequence[Document]) -> int:
        tenant_id = current_work().tenant_id
        if any(document.tenant_id != tenant_id for document in given):
            raise Integrity("A document of another tenant was put.")
        self._begin(row)
        self._demand_whole(row)
        writes = (written(document, row.token) for document in _newest(given))
        return writing.write(self._node, _index(row), tenant_id, writes)

    def remove(self, keys: Sequence[Key]) -> None:
        work, given = current_work(), list(keys)
        refs = [{"keys": [_told(key) for key in given[at : at + _KEYS]]} for at in range(0, len(given), _KEYS)]
        if refs:
            enqueue_many(REMOVE, refs)
            work.after_commit(lambda: self._remove_at_once(given))

    def settle(self, keys: Sequence[Key]) -> None:
        with tenant_transaction() as work:
            live = generations.lock()
            for row in live.values():
                self._begin(row)
            self._bury(live.values(), keys, refresh=True)
            gone = query.of_tenant(work.tenant_id, _records({key.id for key in keys}), _in_none_of(live.values()))
            writing.delete(self._node, self._indices(), work.tenant_id, gone)

    def _remove_at_once(self, keys: Sequence[Key]) -> None:
        """Not to wait for the outbox, which has it in any case."""
        try:
            with tenant_transaction():
                self._bury(generations.rows(), keys, refresh=False)
        except Exception as error:
            log.warning("a removal waits for the outbox: %s", type(error).__name__)

    def _bury(self, live: Iterable[models.Generation], keys: Sequence[Key], *, refresh: bool) -> None:
        """Tombstones in every filling that is whole; one that is not is written anew from the records."""
        tenant_id = current_work().tenant_id
        for row in live:
            if self._whole(row) and row.token != NOTHING_YET:
                writes = [tombstone(tenant_id, row.token, key) for key in keys]
                writing.write(self._node, _index(row), tenant_id, _latest(writes), refresh=refresh)

    def rebuild(self, generation: Generation, documents: Iterable[Document]) -> int:
        """Raises `StaleGeneration` if the generation is not live."""
        row = generations.lock().get(generation.number)
        if row is None:
            raise StaleGeneration
        count = self._fill(row, documents)
        current_work().after_commit(self._sweep_after)
        return count

    def _begin(self, row: models.Generation) -> None:
        if row.token == NOTHING_YET:
            self._fill(row, [])

    def _fill(self, row: models.Generation, given: Iterable[Document]) -> int:
        """A new build with all of its content, then its beacon; it counts from this transaction's commit on."""
        tenant_id, build, index = current_work().tenant_id, uuid4(), _index(row)
        indices.create(self._node, index, row.dim)
        writes = (written(document, build) for document in given)
        count = writing.write(self._node, index, tenant_id, writes, refresh=False)
        writing.write(self._node, index, tenant_id, [beacon(tenant_id, build)])
        row.token = build
        row.save(update_fields=["token"])
        return count

    def purge(self) -> None:
        tenant_id = current_work().tenant_id
        generations.lock()
        beacons = query.of_tenant(tenant_id, {"term": {"state": BEACON}})
        for doomed in (beacons, query.of_tenant(tenant_id)):
            writing.delete(self._node, self._indices(), tenant_id, doomed)
        models.Generation.objects.update(token=NOTHING_YET)

    def scrub(self) -> None:
        self._sweep()
        with tenant_transaction():
            names = self._indices()
        lenient = {"ignore_unavailable": "true"}
        self._node.call("POST", f"/{names}/_flush", params={**lenient, "force": "true"}, patience=_SCRUB)
        expunge = {**lenient, "only_expunge_deletes": "true"}
        self._node.call("POST", f"/{names}/_forcemerge", params=expunge, patience=_SCRUB)
        writing.make_visible(self._node, names)  # lets go of the segments that were merged
        self._node.call("POST", f"/{names}/_flush", params={**lenient, "force": "true"}, patience=_SCRUB)

    def _sweep(self) -> None:
        """Delete the fillings that do not count: what a rebuild replaced, or began and did not end."""
        with tenant_transaction() as work:
            live = generations.lock().values()
            writing.delete(
                self._node, self._indices(), work.tenant_id, query.of_tenant(work.tenant_id, _in_none_of(live))
            )

    def _sweep_after(self) -> None:
        try:
            self._sweep()
        except Exception as error:
            log.warning("what a rebuild replaced waits for the next one: %s", type(error).__name__)

    # Asking

    def search(self, plan: Plan) -> list[Hit]:
        return next(self._search_each([plan]))

    @contextmanager
    def searching(self, plans: Sequence[Plan]) -> Iterator[Iterator[list[Hit]]]:
        yield self._search_each(plans)

    def _search_each(self, plans: Sequence[Plan]) -> Iterator[list[Hit]]:
        sought = [plan for plan in plans if plan.spaces is None or plan.spaces]
        place = self._place(plans[0].generation) if plans else None
        found = asking.search_each(self._node, place, sought, self._vocabulary) if place else iter(())
        return (next(found) if plan.spaces is None or plan.spaces else [] for plan in plans)

    def statistics(self, plan: Plan) -> Statistics:
        return asking.statistics(self._node, self._place(plan.generation), plan)

    def _place(self, number: int) -> Place:
        row = generations.find(number)
        if row is None:
            raise _rebuilding()
        return Place(row.tenant_id, _index(row), row.token, row.token == NOTHING_YET)

    def parity(self, generation: Generation, collection: Collection, expected: Iterable[Expected]) -> Parity:
        there = dict(self._revisions(generation, collection))
        wanted = {(version.id, version.version): version.revision for version in expected}
        both = wanted.keys() & there.keys()
        return Parity(
            missing=frozenset(wanted.keys() - there.keys()),
            stale=frozenset(key for key in both if wanted[key] != there[key]),
            orphans=frozenset(there.keys() - wanted.keys()),
        )

    def _revisions(self, generation: Generation, collection: Collection) -> Iterator[tuple[tuple[UUID, int], int]]:
        row = models.Generation.objects.filter(number=generation.number).first()
        if row is None:
            return
        tenant_id, index = current_work().tenant_id, _index(row)
        writing.make_visible(self._node, index)
        standing = query.standing_in(tenant_id, row.token, collection)
        for hit in scan.walk(self._node, index, tenant_id, standing, ["tenant", "record", "version", "revision"]):
            told = {name: field(hit, "fields", name, 0) for name in ("tenant", "record", "version", "revision")}
            demand_ours(UUID(hex=told["tenant"]), tenant_id)
            yield (UUID(hex=told["record"]), told["version"]), told["revision"]

    def holding(self, ids: Iterable[UUID]) -> set[UUID]:
        tenant_id, names, wanted = current_work().tenant_id, self._indices(), sorted(set(ids))
        writing.make_visible(self._node, names)
        found: set[UUID] = set()
        for at in range(0, len(wanted), _KEYS):
            found |= self._held(tenant_id, names, wanted[at : at + _KEYS])
        return found

    def _held(self, tenant_id: UUID, names: str, ids: Sequence[UUID]) -> set[UUID]:
        there = query.of_tenant(tenant_id, _records(ids), query.unlike("state", REMOVED))
        body = {"size": 0, "query": there, "aggs": {"records": {"terms": {"field": "record", "size": len(ids)}}}}
        params = {"routing": tenant_id.hex, "ignore_unavailable": "true"}
        answer = whole(self._node.call("POST", f"/{names}/_search", params=params, body=body))
        if field(answer, "_shards", "total") == 0:
            return set()
        return {UUID(hex=field(each, "key")) for each in field(answer, "aggregations", "records", "buckets")}

    def ready(self, generation: Generation) -> bool:
        row = generations.find(generation.number)
        return row is not None and self._whole(row)

    # Whether the content is whole

    def _demand_whole(self, row: models.Generation) -> None:
        if not self._whole(row):
            raise _rebuilding()

    def _whole(self, row: models.Generation) -> bool:
        """Its beacon stands beside it, in the same shard; nothing yet is whole too."""
        if row.token == NOTHING_YET:
            return True
        path = f"/{_index(row)}/_doc/{beacon_id(row.token)}"
        answer = self._node.call("GET", path, params={"routing": current_work().tenant_id.hex})
        return answer is not None and field(answer, "found") is True

    def _indices(self) -> str:
        """Every index in which something of the tenant may stand."""
        return (
            ",".join(sorted({_index(row) for row in models.Generation.objects.all()}))
            or f"{settings.OPENSEARCH_PREFIX}-none"
        )


def _index(row: models.Generation) -> str:
    return indices.name(row.tenant_id, Generation(row.number, row.embedder, row.dim))


def _newest(given: Sequence[Document]) -> list[Document]:
    """Of several under one key, the last: a bulk's items have no order among themselves."""
    newest: dict[tuple[Collection, UUID, int], Document] = {}
    for document in sorted(given, key=lambda document: document.revision):
        newest[document.collection, document.id, document.version] = document
    return list(newest.values())


def _latest(writes: Sequence[Write]) -> list[Write]:
    return list({one.id: one for one in sorted(writes, key=lambda one: one.revision or 0)}.values())


def _told(key: Key) -> list[str | int]:
    return [key.collection.value, str(key.id), key.version, key.rev]


def _records(ids: Iterable[UUID]) -> dict[str, Any]:
    return {"terms": {"record": [each.hex for each in ids]}}


def _in_none_of(live: Iterable[models.Generation]) -> dict[str, Any]:
    return {"bool": {"must_not": {"terms": {"build": [row.token.hex for row in live]}}}}


def _rebuilding() -> Unavailable:
    return Unavailable("The search index is being rebuilt.", retry_after=RETRY_AFTER)

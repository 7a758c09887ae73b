"""`SearchEngine` on OpenSearch, in the caller's tenant transaction.

PostgreSQL keeps which filling (*build*) of each generation counts; OpenSearch is not transactional and need not be:

- a put carries what is committed already, under its external version, so it may happen though the transaction fails;
- a removal is noted in the outbox, so it happens if and only if the transaction commits, whatever the node does
  meanwhile; it is tried at once after the commit too. Until then a hit is refused by whoever reads its row again;
- a rebuild writes a new build beside the old one, and the transaction's commit switches between them.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings

from foundation.kernel.outbox import enqueue_many
from foundation.kernel.problems import Integrity, Unavailable
from foundation.kernel.scope import current_work, tenant_transaction
from foundation.search import generations, models
from foundation.search.analysis import weigh
from foundation.search.generations import NOTHING_YET
from foundation.search.opensearch import indices, query, scan, writing
from foundation.search.opensearch.connection import RETRY_AFTER, Answer, Connection, Nonsense, field, whole
from foundation.search.opensearch.documents import (
    BEACON,
    Candidate,
    Write,
    beacon,
    beacon_id,
    candidate,
    halved,
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

SPARE = 50
"""Candidates fetched beyond the plan's depth: nine bits and a graph may order the last ones wrongly, we do not."""
MOST = 10_000  # a page of OpenSearch's
_KEYS = 200
_SCRUB = 600.0

log = logging.getLogger(__name__)


class OpenSearchEngine:
    """One per process; safe to share between threads."""

    beacons_here = False
    scrub_after = timedelta(seconds=45)  # a shard keeps removed documents for its replicas until it tells them, in 30 s

    def __init__(self) -> None:
        self._node = Connection()

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
        writing.refresh(self._node, names)  # lets go of the segments that were merged
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
        row = self._row(plan.generation)
        if plan.spaces is not None and not plan.spaces:
            return []
        found = self._counted(plan, row)
        weights = weigh(plan.terms, found.documents, found.frequencies)
        return _best(self._candidates(plan, row, weights), weights, plan)

    def statistics(self, plan: Plan) -> Statistics:
        return self._counted(plan, self._row(plan.generation))

    def _counted(self, plan: Plan, row: models.Generation) -> Statistics:
        within = query.counted(plan, current_work().tenant_id, row.token)
        asked = [query.total(within)]
        if plan.terms:
            asked.append(query.frequencies(within, plan.terms))
        total, *held = self._ask(row, asked)
        number = _number(total)
        if not plan.terms or not number:
            return Statistics(number, dict.fromkeys(plan.terms, 0))
        buckets = field(held[0], "aggregations", "terms", "buckets")
        return Statistics(number, {term: field(buckets, str(term), "doc_count") for term in plan.terms})

    def _candidates(self, plan: Plan, row: models.Generation, weights: Mapping[int, float]) -> list[Candidate]:
        """Both arms in one request, and whether the content they ask is whole."""
        tenant_id = current_work().tenant_id
        bounded, size = query.bounds(plan, tenant_id, row.token), min(plan.depth + SPARE, MOST)
        asked = [query.whole(tenant_id, row.token)]
        if weights:
            asked.append(query.lexical(bounded, weights, size))
        if plan.vector is not None:
            asked.append(query.dense(bounded, plan.vector, size))
        found, *arms = self._ask(row, asked)
        if row.token != NOTHING_YET and _number(found) != 1:
            raise _rebuilding()
        hits = [hit for arm in arms for hit in field(arm, "hits", "hits")]
        once = {(field(hit, "fields", "record", 0), field(hit, "fields", "version", 0)): hit for hit in hits}
        return [_ours(candidate(hit), tenant_id) for hit in once.values()]

    def _ask(self, row: models.Generation, asked: Sequence[dict[str, Any]]) -> list[Answer]:
        """The answers of one `_msearch`, each of them whole."""
        head = {"index": _index(row), "routing": current_work().tenant_id.hex, "ignore_unavailable": True}
        body = "".join(f"{json.dumps(part)}\n" for each in asked for part in (head, each))
        answer = self._node.call("POST", "/_msearch", body=body)
        answers = field(answer, "responses") if answer is not None else None
        if not isinstance(answers, list) or len(answers) != len(asked):
            raise Nonsense
        return [whole(each) for each in answers]

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
        writing.refresh(self._node, index)
        standing = query.standing_in(tenant_id, row.token, collection)
        for hit in scan.walk(self._node, index, tenant_id, standing, ["tenant", "record", "version", "revision"]):
            told = {name: field(hit, "fields", name, 0) for name in ("tenant", "record", "version", "revision")}
            _demand_ours(UUID(hex=told["tenant"]), tenant_id)
            yield (UUID(hex=told["record"]), told["version"]), told["revision"]

    def holding(self, ids: Iterable[UUID]) -> set[UUID]:
        tenant_id, names, wanted = current_work().tenant_id, self._indices(), sorted(set(ids))
        writing.refresh(self._node, names)
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

    def _row(self, number: int) -> models.Generation:
        row = generations.find(number)
        if row is None:
            raise _rebuilding()
        return row

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


def _number(answer: Answer) -> int:
    """How many a count found; none where there is no index to count in."""
    return int(field(answer, "hits", "total", "value")) if field(answer, "_shards", "total") else 0


def _newest(given: Sequence[Document]) -> list[Document]:
    """Of several under one key, the last: a bulk's items have no order among themselves."""
    newest: dict[tuple[Collection, UUID, int], Document] = {}
    for document in sorted(given, key=lambda document: document.revision):
        newest[document.collection, document.id, document.version] = document
    return list(newest.values())


def _latest(writes: Sequence[Write]) -> list[Write]:
    return list({one.id: one for one in sorted(writes, key=lambda one: one.revision or 0)}.values())


def _best(candidates: Sequence[Candidate], weights: Mapping[int, float], plan: Plan) -> list[Hit]:
    """Each arm's best by exact scores; every one of them with both its scores."""
    vector = None if plan.vector is None else halved(plan.vector)
    hits = [
        Hit(one.id, one.version, one.lexical(weights), one.dense(vector), one.group, one.position) for one in candidates
    ]
    words = sorted((hit for hit in hits if hit.lexical), key=lambda hit: (-(hit.lexical or 0), hit.id, hit.version))
    meaning = sorted(
        (hit for hit in hits if hit.dense is not None), key=lambda hit: (-(hit.dense or 0), hit.id, hit.version)
    )
    return list({(hit.id, hit.version): hit for hit in (*words[: plan.depth], *meaning[: plan.depth])}.values())


def _ours(one: Candidate, tenant_id: UUID) -> Candidate:
    _demand_ours(one.tenant_id, tenant_id)
    return one


def _demand_ours(found: UUID, tenant_id: UUID) -> None:
    if found != tenant_id:
        log.critical("the search engine answered with another tenant's document")
        raise Integrity("The search engine answered with another tenant's document.")


def _told(key: Key) -> list[str | int]:
    return [key.collection.value, str(key.id), key.version, key.rev]


def _records(ids: Iterable[UUID]) -> dict[str, Any]:
    return {"terms": {"record": [each.hex for each in ids]}}


def _in_none_of(live: Iterable[models.Generation]) -> dict[str, Any]:
    return {"bool": {"must_not": {"terms": {"build": [row.token.hex for row in live]}}}}


def _rebuilding() -> Unavailable:
    return Unavailable("The search index is being rebuilt.", retry_after=RETRY_AFTER)

"""How many documents hold a term, among those the asker may see.

The present is counted as it is written, per scope (space and set of roles). The past is counted when it is asked for:
today's vocabulary must not show in the scores of a question about the past.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from foundation.kernel.rows import execute, texts
from foundation.search.port import Plan, Statistics
from foundation.search.rows import Share, counter_id, scope_id, sparse
from foundation.search.sql import Clause, conjunction, permitted, standing

_COUNTED = """SELECT id, documents FROM search_scope WHERE {scopes}
UNION ALL SELECT id, documents FROM search_counter WHERE {counters}"""
_FREQUENCIES = "SELECT id, documents FROM search_counter WHERE {where}"
_COUNTED_NOW = "SELECT count(*), ARRAY[{each}]::bigint[] FROM search_entry WHERE {where}"
_HOLDS = "count(*) FILTER (WHERE lex <#> %s::sparsevec < 0)"

_CHANGE = """WITH scopes AS (
INSERT INTO search_scope (tenant_id, id, generation, collection, space_id, acl, documents)
SELECT %s, id, generation, collection, space_id, acl::text[], documents
FROM unnest(%s::uuid[], %s::int[], %s::text[], %s::uuid[], %s::text[], %s::bigint[])
  AS change (id, generation, collection, space_id, acl, documents)
ON CONFLICT (tenant_id, id) DO UPDATE SET documents = search_scope.documents + EXCLUDED.documents)
INSERT INTO search_counter (id, tenant_id, scope_id, documents)
SELECT id, %s, scope_id, documents FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[]) AS change (id, scope_id, documents)
ON CONFLICT (tenant_id, id) DO UPDATE SET documents = search_counter.documents + EXCLUDED.documents"""


def change(tenant_id: UUID, added: Iterable[Share], taken: Iterable[Share]) -> None:
    """Count the shares of rows that came and of rows that went, under the tenant's index lock."""
    scopes: dict[UUID, Share] = {}
    documents: Counter[UUID] = Counter()
    terms: Counter[tuple[UUID, int]] = Counter()
    for shares, step in ((added, 1), (taken, -1)):
        for share in shares:
            scope = share.scope_id
            scopes[scope] = share
            documents[scope] += step
            for term in share.terms:
                terms[scope, term] += step
    if scopes:
        execute(_CHANGE, [tenant_id, *_of_scopes(scopes, documents), tenant_id, *_of_counters(terms)])


def present(plan: Plan) -> Statistics:
    """From the counters of the permitted scopes. Validity and expiry do not enter; state and supersession do.

    A scope that no label restricts is known by its space, so its counters are read in the same statement.
    """
    plain = {scope_id(plan.generation, plan.collection.value, space, ()) for space in plan.spaces or ()}
    counters = _counters_of(plain, plan)
    scopes = conjunction([*permitted(plan, "search_scope"), Clause("documents > 0")])
    asked = conjunction([Clause("id = ANY(%s::uuid[])", [list(counters)])], "search_counter")
    statement = _COUNTED.format(scopes=scopes.sql, counters=asked.sql)
    documents = dict(execute(statement, [*scopes.values, *asked.values]))
    held = {counter: documents.pop(counter) for counter in counters if counter in documents}
    if restricted := documents.keys() - plain:
        more = _counters_of(restricted, plan)
        counters |= more
        held |= dict(_counters(list(more)))
    frequencies: Counter[int] = Counter()
    for counter, number in held.items():
        scope, term = counters[counter]
        if scope in documents:
            frequencies[term] += number
    return Statistics(sum(documents.values()), frequencies)


def _counters_of(scopes: Iterable[UUID], plan: Plan) -> dict[UUID, tuple[UUID, int]]:
    """What each of the counters counts: a term in a scope."""
    return {counter_id(scope, term): (scope, term) for scope in scopes for term in plan.terms}


def past(plan: Plan) -> Statistics:
    """Counted from the rows that stood then: one inner product per term and row."""
    where = conjunction([*permitted(plan, "search_entry"), *standing(plan)])
    query = _COUNTED_NOW.format(each=", ".join([_HOLDS] * len(plan.terms)), where=where.sql)
    [(documents, held)] = execute(query, [*(sparse({term: 1.0}) for term in plan.terms), *where.values])
    return Statistics(documents, dict(zip(plan.terms, held, strict=True)))


def _counters(ids: Sequence[UUID]) -> list[tuple[Any, ...]]:
    where = conjunction([Clause("id = ANY(%s::uuid[])", [ids])], "search_counter")
    return execute(_FREQUENCIES.format(where=where.sql), where.values) if ids else []


def _of_scopes(scopes: Mapping[UUID, Share], documents: Mapping[UUID, int]) -> list[list[Any]]:
    """Columns of the scopes, by id; each set of roles as PostgreSQL's literal of it."""
    changed = [(id_, scopes[id_]) for id_ in sorted(scopes)]
    return [
        [id_ for id_, _ in changed],
        [share.generation for _, share in changed],
        [share.collection for _, share in changed],
        [share.space_id for _, share in changed],
        [texts(share.acl) for _, share in changed],
        [documents[id_] for id_, _ in changed],
    ]


def _of_counters(terms: Mapping[tuple[UUID, int], int]) -> list[list[Any]]:
    changed = [(counter_id(scope, term), scope, step) for (scope, term), step in terms.items() if step]
    return [list(column) for column in zip(*changed, strict=True)] if changed else [[], [], []]

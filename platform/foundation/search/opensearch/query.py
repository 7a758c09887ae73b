"""The one query builder: a plan's bounds as filters, the same in the lexical query, the knn clause and the counts.

Values are always values of our own making (numbers, hashes, keywords in a `terms` list): nothing that a caller wrote is
read as query language.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from foundation.search.embedders import Vectors
from foundation.search.opensearch.documents import BEACON, OPEN, micros, roles
from foundation.search.port import ACTIVE, Collection, Plan
from foundation.search.rows import NEVER, REMOVED

Clause = dict[str, Any]


def of_tenant(tenant_id: UUID, *clauses: Clause) -> Clause:
    """All of `clauses`, within the tenant."""
    return {"bool": {"filter": [{"term": {"tenant": tenant_id.hex}}, *clauses]}}


def bounds(plan: Plan, tenant_id: UUID, build: UUID) -> Clause:
    """Everything a candidate must be."""
    return of_tenant(tenant_id, *_permitted(plan, build), *_standing(plan), *_asked_for(plan))


def counted(plan: Plan, tenant_id: UUID, build: UUID) -> Clause:
    """What enters the statistics: the permitted, current and active; in the past, what stood then."""
    now = [_term("state", ACTIVE), _term("superseded_at", micros(NEVER))]
    return of_tenant(tenant_id, *_permitted(plan, build), *(_standing(plan) if plan.in_the_past else now))


def lexical(bounded: Clause, weights: Mapping[int, float], size: int, *, vectors: bool) -> Clause:
    """The best by words; equal scores by id and version. `vectors`: with what the other arm's score is made of."""
    features = [_feature(term, weight) for term, weight in weights.items()]
    query = {"bool": {"filter": [bounded], "should": features, "minimum_should_match": 1}}
    page = _page(query, size, *(["half"] if vectors else []))
    return page | {"sort": ["_score", {"record": "asc"}, {"version": "asc"}]}


def dense(bounded: Clause, vector: Vectors, size: int, neighbours: int) -> Clause:
    """The nearest `size` of `neighbours`: the bounds are inside the graph's search, which then has enough of them."""
    return _page({"knn": {"vec": {"vector": vector, "k": neighbours, "filter": bounded}}}, size)


def total(within: Clause) -> Clause:
    return {"size": 0, "track_total_hits": True, "query": within}


def frequencies(within: Clause, terms: Mapping[int, float]) -> Clause:
    """How many documents hold each term, counted over those that hold any."""
    each = {str(term): _feature(term, 1.0) for term in terms}
    query = {"bool": {"filter": [within], "should": list(each.values()), "minimum_should_match": 1}}
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"constant_score": {"filter": query}},
        "aggs": {"terms": {"filters": {"filters": each}}},
    }


def whole(tenant_id: UUID, build: UUID) -> Clause:
    """Finds the beacon of a filling, if it stands."""
    return total(of_tenant(tenant_id, _term("build", build.hex), _term("state", BEACON)))


def standing_in(tenant_id: UUID, build: UUID, collection: Collection) -> Clause:
    """Every version of a collection in one filling, tombstones left out."""
    kept = unlike("state", REMOVED)
    return of_tenant(tenant_id, _term("build", build.hex), _term("collection", collection.value), kept)


def unlike(name: str, value: str) -> Clause:
    return {"bool": {"must_not": _term(name, value)}}


def _page(query: Clause, size: int, *more: str) -> Clause:
    """Columns alone: reading stored fields, even for the ids, costs ten times the rest of the page."""
    return {
        "size": size,
        "track_total_hits": False,
        "_source": False,
        "stored_fields": "_none_",
        "query": query,
        "docvalue_fields": ["card", *more],
    }


def _permitted(plan: Plan, build: UUID) -> list[Clause]:
    """What the asker may see: spaces and roles, in this filling of this generation."""
    clauses = [
        _term("build", build.hex),
        _term("collection", plan.collection.value),
        {"terms": {"acl": [OPEN, *roles(sorted(plan.roles))]}},
    ]
    if plan.spaces is not None:
        clauses.append({"terms": {"space": [space.hex for space in sorted(plan.spaces)]}})
    return clauses


def _standing(plan: Plan) -> list[Clause]:
    """What stood then: see the PostgreSQL engine's `standing`, which this says over again."""
    valid_at = micros(plan.as_of or plan.at)
    clauses = [
        _term("state", ACTIVE),
        _range("expires_at", gt=micros(plan.at)),
        _range("valid_from", lte=valid_at),
        _range("valid_to", gt=valid_at),
    ]
    if plan.known_at is not None:
        clauses.append(_range("recorded_at", lte=micros(plan.known_at)))
    if plan.as_of is None:
        known_at = plan.known_at
        current = _term("superseded_at", micros(NEVER))
        clauses.append(current if known_at is None else _range("superseded_at", gt=micros(known_at)))
    return clauses


def _asked_for(plan: Plan) -> list[Clause]:
    clauses: list[Clause] = [_term("labels", label) for label in sorted(plan.labels)]
    if plan.kinds:
        clauses.append({"terms": {"kind": sorted(plan.kinds)}})
    if plan.subjects:
        clauses.append({"terms": {"subjects": [subject.hex() for subject in sorted(plan.subjects)]}})
    return clauses


def _feature(term: int, weight: float) -> Clause:
    """The inner product's one summand: our weight times the document's."""
    return {"rank_feature": {"field": f"terms.{term}", "boost": weight, "linear": {}}}


def _term(name: str, value: str | int) -> Clause:
    return {"term": {name: value}}


def _range(name: str, **limits: int) -> Clause:
    return {"range": {name: limits}}

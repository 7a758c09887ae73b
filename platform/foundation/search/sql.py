"""The one query builder: every statement on the index carries the tenant, and every bound stands before any score."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from foundation.kernel.scope import current_work
from foundation.search.port import ACTIVE, Plan
from foundation.search.rows import NEVER


@dataclass(frozen=True, slots=True)
class Clause:
    """A condition and its values. The text is ours alone: what a caller brought is always a value."""

    sql: str
    values: Sequence[Any] = field(default_factory=tuple)


def execute_each(statement: str, rows: Sequence[Sequence[Any]]) -> None:
    current_work().cursor.executemany(statement, rows)


def conjunction(clauses: Sequence[Clause], table: str = "") -> Clause:
    """All of `clauses`, within the tenant in scope (row-level security says it again)."""
    tenant = f"{table}.tenant_id" if table else "tenant_id"
    every = [Clause(f"{tenant} = %s", [current_work().tenant_id]), *clauses]
    return Clause(" AND ".join(clause.sql for clause in every), [value for c in every for value in c.values])


def permitted(plan: Plan, table: str) -> list[Clause]:
    """What the asker may see: spaces and roles. The same for documents and for their statistics."""
    clauses = [
        Clause(f"{table}.generation = %s", [plan.generation]),
        Clause(f"{table}.collection = %s", [plan.collection.value]),
        Clause(f"(cardinality({table}.acl) = 0 OR {table}.acl && %s::text[])", [sorted(plan.roles)]),
    ]
    if plan.spaces is not None:
        clauses.append(Clause(f"{table}.space_id = ANY(%s::uuid[])", [sorted(plan.spaces)]))
    return clauses


def standing(plan: Plan) -> list[Clause]:
    """What stood then: active, not expired, valid at `as_of`, and known at `known_at` (or current)."""
    valid_at = plan.as_of or plan.at
    since = [Clause("valid_from <= %s", [valid_at])]
    if plan.known_at is not None:
        since.append(Clause("recorded_at <= %s", [plan.known_at]))
    until = [
        Clause("state = %s", [ACTIVE]),
        Clause("expires_at > %s", [plan.at]),
        Clause("valid_to > %s", [valid_at]),
        *_not_superseded(plan),
    ]
    return [
        *since,
        Clause(f"(stands OR ({' AND '.join(each.sql for each in until)}))", [v for c in until for v in c.values]),
    ]


def _not_superseded(plan: Plan) -> list[Clause]:
    """What was current. A version that was superseded may still be the last word on the past that `as_of` asks for:
    the caller, who knows the record's whole history, decides between them."""
    if plan.as_of is not None:
        return []
    if plan.known_at is None:
        return [Clause("superseded_at = %s", [NEVER])]
    return [Clause("superseded_at > %s", [plan.known_at])]


def asked_for(plan: Plan) -> list[Clause]:
    """What the asker narrows down to. Chosen by the asker, so it does not bound the statistics."""
    clauses = []
    if plan.kinds:
        clauses.append(Clause("kind = ANY(%s::text[])", [sorted(plan.kinds)]))
    if plan.labels:
        clauses.append(Clause("labels @> %s::text[]", [sorted(plan.labels)]))
    if plan.subjects:
        clauses.append(Clause("subjects && %s::bytea[]", [sorted(plan.subjects)]))
    return clauses

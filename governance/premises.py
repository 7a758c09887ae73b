"""What a search is planned on: the policies of its spaces, how much strength weighs in them, the generation asked. And
what a submission is cleared on: the terms of its space.

A plan is made outside any transaction, for its question may have to pass recognisers and an encoder. So it is made on
what the last search of these spaces read, and that is read again in the snapshot the search looks into: if anything
changed meanwhile, the search is planned anew. Nothing that is remembered is ever searched by unless it still holds. It
is the same with a submission and the snapshot its evidence is from.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from foundation.kernel.problems import NotFound
from foundation.kernel.rows import execute
from foundation.kernel.scope import current_tenant, current_work, tenant_transaction
from foundation.search import index
from foundation.search.port import Generation
from guard.pii.policy import PiiPolicy
from guard.selectors import pii_policy_at

REMEMBERED = 4096
Spaces = frozenset[UUID] | None
_last: dict[tuple[UUID, Spaces], Premises] = {}
_terms: dict[tuple[UUID, UUID], Terms] = {}
_SPACES = """SELECT s.id, s.strength, s.pii_policy_id, p.version, p.name, s.deleted_at IS NULL
FROM governance_space s LEFT JOIN guard_piipolicyrecord p ON p.tenant_id = s.tenant_id AND p.id = s.pii_policy_id
WHERE s.tenant_id = %s AND """
_TERMS = """SELECT s.merge_duplicates, s.pii_policy_id, p.version, p.name
FROM governance_space s LEFT JOIN guard_piipolicyrecord p ON p.tenant_id = s.tenant_id AND p.id = s.pii_policy_id
WHERE s.tenant_id = %s AND s.id = %s AND s.deleted_at IS NULL"""
_ALL, _THESE = _SPACES + "s.deleted_at IS NULL", _SPACES + "s.id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Premises:
    """By space: the policy in force, and how much strength weighs. `generation` None: nothing was ever indexed."""

    policies: Mapping[UUID, PiiPolicy]
    strengths: Mapping[UUID, float]
    generation: Generation | None


def remembered(spaces: Spaces) -> Premises | None:
    """What the last search of these spaces in this process was planned on. It may hold no more."""
    return _last.get((current_tenant(), spaces))


def fresh(spaces: Spaces, named: Collection[UUID]) -> Premises:
    """As `read`, in a transaction of its own."""
    with tenant_transaction():
        return read(spaces, named)


def read(spaces: Spaces, named: Collection[UUID]) -> Premises:
    """What stands in this transaction. Raises `NotFound` unless all the `named` spaces are there."""
    tenant = current_work().tenant_id
    rows = execute(_ALL, [tenant]) if spaces is None else execute(_THESE, [tenant, list(spaces)])
    if not {row[0] for row in rows if row[-1]}.issuperset(named):
        raise NotFound
    policies = {space: pii_policy_at(policy, version, name) for space, _, policy, version, name, _ in rows}
    found = Premises(policies, {space: strength for space, strength, *_ in rows}, index.asked())
    if len(_last) >= REMEMBERED:
        _last.clear()
    _last[tenant, spaces] = found
    return found


@dataclass(frozen=True, slots=True)
class Terms:
    """How a space takes what is submitted to it."""

    policy: PiiPolicy
    merges: bool


class Changed(Exception):
    """What was remembered holds no more."""


def remembered_terms(space_id: UUID) -> Terms | None:
    """What the last submission to this space in this process was cleared on. It may hold no more."""
    return _terms.get((current_tenant(), space_id))


def fresh_terms(space_id: UUID) -> Terms:
    """What the space goes by now, in a transaction of its own; raises `NotFound`."""
    with tenant_transaction():
        found = _read_terms(space_id)
    if found is None:
        raise NotFound
    return found


def require(terms: Terms, space_id: UUID) -> None:
    """Raises `Changed` unless the space goes by these terms. Inside `tenant_transaction`."""
    if _read_terms(space_id) != terms:
        raise Changed


def _read_terms(space_id: UUID) -> Terms | None:
    tenant = current_work().tenant_id
    if len(_terms) >= REMEMBERED:
        _terms.clear()
    for merges, policy, version, name in execute(_TERMS, [tenant, space_id]):
        _terms[tenant, space_id] = Terms(pii_policy_at(policy, version, name), merges)
        return _terms[tenant, space_id]
    _terms.pop((tenant, space_id), None)
    return None

"""What a search is planned on: the policies of its spaces, how much strength weighs in them, the generation asked.

A plan is made outside any transaction, for its question may have to pass recognisers and an encoder. So it is made on
what the last search of these spaces read, and that is read again in the snapshot the search looks into: if anything
changed meanwhile, the search is planned anew. Nothing that is remembered is ever searched by unless it still holds.
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
_SPACES = """SELECT s.id, s.strength, s.pii_policy_id, p.version, p.name, s.deleted_at IS NULL
FROM governance_space s LEFT JOIN guard_piipolicyrecord p ON p.tenant_id = s.tenant_id AND p.id = s.pii_policy_id
WHERE s.tenant_id = %s AND """
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

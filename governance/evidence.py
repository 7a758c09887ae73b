"""What the guard is shown: the nearest admitted memories the writer may read, each with its source's weight."""

from collections.abc import Sequence
from uuid import UUID

from foundation.kernel.principal import Principal
from foundation.kernel.scope import tenant_transaction
from foundation.search import index
from foundation.search.embedders import Vectors
from foundation.search.engine import engine
from foundation.search.port import Hit, Plan
from governance import lifecycle, opening
from governance.models import MemCube
from governance.opening import Memory
from governance.selectors import may_read
from governance.submissions import Submission
from governance.weighing import FirstSeen, Weight, first_seen, path_of, weights
from guard.types import Evidence, EvidenceItem
from tenants.policy import reachable_spaces

NEAREST = 16


def gather(principal: Principal, parts: Sequence[Submission], embeddings: Sequence[Vectors | None]) -> list[Evidence]:
    """The evidence on each submission, in order; none on one that could not be embedded."""
    with tenant_transaction():
        plans = [_plan(principal, part, each) for part, each in zip(parts, embeddings, strict=True)]
    with tenant_transaction(snapshot=True):
        nearest = [_nearest(plan) for plan in plans]
        rows = _rows(principal, {(hit.id, hit.version) for hits in nearest for hit in hits})
        since = first_seen({bytes(row.version.source_key) for row in rows})
    memories = {memory.place: memory for memory in opening.unseal_existing(rows)}
    return [
        _evidence(
            principal,
            part,
            [(memories[place], hit) for hit in hits if (place := (hit.id, hit.version)) in memories],
            since,
        )
        for part, hits in zip(parts, nearest, strict=True)
    ]


def _plan(principal: Principal, part: Submission, embedding: Vectors | None) -> Plan | None:
    if embedding is None:
        return None
    spaces, roles = reachable_spaces(principal), {principal.role}
    return index.plan(part.searchable(), spaces=spaces, roles=roles, k=NEAREST, embedding=embedding)


def _nearest(plan: Plan | None) -> list[Hit]:
    hits = engine().search(plan) if plan else []
    return sorted(hits, key=lambda hit: -_similarity(hit))[:NEAREST]


def _similarity(hit: Hit) -> float:
    return hit.dense or 0.0


def _rows(principal: Principal, places: set[tuple[UUID, int]]) -> list[opening.Row]:
    cubes = MemCube.objects.filter(id__in={cube_id for cube_id, _ in places}, state__in=lifecycle.SERVED)
    seen = {cube.id for cube in cubes if may_read(principal, cube)}
    return opening.rows(sorted(place for place in places if place[0] in seen))


def _evidence(principal: Principal, part: Submission, near: Sequence[tuple[Memory, Hit]], since: FirstSeen) -> Evidence:
    weighed = weights([memory for memory, _ in near], since)
    pairs = zip(near, weighed, strict=True)
    return Evidence(tuple(_item(principal, part, memory, hit, weight) for (memory, hit), weight in pairs))


def _item(principal: Principal, part: Submission, memory: Memory, hit: Hit, weight: Weight) -> EvidenceItem:
    same_source = memory.payload.provenance.source == part.provenance.source
    own = same_source and memory.version.principal_id == principal.id
    return EvidenceItem(*memory.place, path_of(memory), _similarity(hit), weight.group, weight.trust, own=own)

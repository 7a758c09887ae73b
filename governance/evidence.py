"""What the guard is shown: the nearest admitted memories the writer may read, each with its source's weight."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from foundation.kernel.clock import now
from foundation.kernel.principal import Principal
from foundation.kernel.scope import tenant_transaction
from foundation.search import index
from foundation.search.embedders import Vectors
from foundation.search.engine import engine
from foundation.search.port import Hit, Plan
from governance import lifecycle, opening
from governance.models import MemCube
from governance.opening import Memory
from governance.sealed import lookup
from governance.selectors import may_read
from governance.submissions import Submission
from governance.weighing import Weight, path_of, weights
from guard.selectors import calibration, guard_policy
from guard.standing import NEW_SOURCE
from guard.trust import KnownSource, known_sources
from guard.types import Calibration, Evidence, EvidenceItem, GuardPolicy, Ref
from tenants.policy import reachable_spaces

NEAREST = 16
RECENT = timedelta(hours=24)
"""The write window: what an attack that is still under way would have written."""

Known = dict[bytes, KnownSource]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the guard is shown of one submission, and of whom each item came: the keyed hash of its source."""

    evidence: Evidence
    sources: dict[Ref, bytes]
    trust: float


@dataclass(frozen=True, slots=True)
class Gathered:
    """The evidence on some submissions, in their order, under the tenant's choices."""

    shown: list[Shown]
    policy: GuardPolicy


def gather(principal: Principal, parts: Sequence[Submission], embeddings: Sequence[Vectors | None]) -> Gathered:
    """The evidence on each submission; none on one that could not be embedded."""
    keys = [lookup("source", part.provenance.source) for part in parts]
    with tenant_transaction():
        plans = [_plan(principal, part, each) for part, each in zip(parts, embeddings, strict=True)]
    with tenant_transaction(snapshot=True):
        nearest = [_nearest(plan) for plan in plans]
        rows = _rows(principal, {(hit.id, hit.version) for hits in nearest for hit in hits})
        known = known_sources({*keys, *(bytes(row.version.source_key) for row in rows)})
        policy, own = guard_policy(), calibration()
    memories = {memory.place: memory for memory in opening.unseal_existing(rows)}
    near = [_opened(memories, hits) for hits in nearest]
    trusts = [known[key].trust if key in known else NEW_SOURCE for key in keys]
    return Gathered([_shown(principal, *each, known, own) for each in zip(parts, near, trusts, strict=True)], policy)


def _opened(memories: dict[Ref, Memory], hits: Sequence[Hit]) -> list[tuple[Memory, Hit]]:
    return [(memories[place], hit) for hit in hits if (place := (hit.id, hit.version)) in memories]


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


def _shown(
    principal: Principal,
    part: Submission,
    near: Sequence[tuple[Memory, Hit]],
    trust: float,
    known: Known,
    own: Calibration,
) -> Shown:
    weighed = weights([memory for memory, _ in near], known)
    pairs = zip(near, weighed, strict=True)
    items = tuple(_item(principal, part, memory, hit, weight) for (memory, hit), weight in pairs)
    sources = {memory.place: bytes(memory.version.source_key) for memory, _ in near}
    return Shown(Evidence(items, calibration=own), sources, trust)


def _item(principal: Principal, part: Submission, memory: Memory, hit: Hit, weight: Weight) -> EvidenceItem:
    same_source = memory.payload.provenance.source == part.provenance.source
    return EvidenceItem(
        *memory.place,
        path_of(memory),
        _similarity(hit),
        weight.group,
        weight.trust,
        own=same_source and memory.version.principal_id == principal.id,
        recent=memory.version.recorded_at >= now() - RECENT,
    )

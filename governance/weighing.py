"""How far a memory may be believed: its source's weight, its independence, its standing among the others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Min

from foundation.kernel.clock import now
from foundation.search.fusion import Fused
from governance.models import Version
from governance.opening import Memory
from guard.standing import (
    Origin,
    ReadHit,
    SourceHistory,
    burst_key,
    independence_groups,
    own_attested,
    source_trust,
    standing,
)
from guard.types import Path, Standing

FirstSeen = Mapping[bytes, datetime]
"""Since when the tenant knows a source, by its keyed hash."""


@dataclass(frozen=True, slots=True)
class Found:
    """One result: the memory, its place in the ranking, and how far it may be believed."""

    memory: Memory
    fused: Fused
    standing: Standing
    trust: float
    disputed_by: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Weight:
    """A memory's independence group, and the trust in its source."""

    group: str
    trust: float


def first_seen(source_keys: Iterable[bytes]) -> FirstSeen:
    """When each source was first written from (inside a transaction)."""
    known = Version.objects.filter(source_key__in=list(source_keys)).values_list("source_key")
    return {bytes(key): at for key, at in known.annotate(Min("recorded_at")).order_by()}


def weights(memories: Sequence[Memory], since: FirstSeen) -> list[Weight]:
    """A weight for each memory; groups are joined over all of them."""
    trusts = [_trust(memory, since) for memory in memories]
    groups = independence_groups([_origin(each, trust, since) for each, trust in zip(memories, trusts, strict=True)])
    return [Weight(group, trust) for group, trust in zip(groups, trusts, strict=True)]


def weigh(hits: Sequence[tuple[Memory, Fused]], since: FirstSeen, question: str) -> list[Found]:
    """The hits with their standing towards the question, in their order. Nothing is left out."""
    memories = [memory for memory, _ in hits]
    weighed = weights(memories, since)
    judged = standing([_hit(*each, weight) for each, weight in zip(hits, weighed, strict=True)], question)
    return [
        Found(memory, fused, verdict.standing, verdict.trust, verdict.disputed_by)
        for (memory, fused), verdict in zip(hits, judged, strict=True)
    ]


def standing_of(memory: Memory) -> Standing:
    """The standing of one memory by itself: nobody else's word is heard."""
    alone = weights([memory], {})[0]
    place = Fused(*memory.place, lexical=1.0, dense=1.0, fused=1.0)
    return standing([_hit(memory, place, alone)])[0].standing


def is_own(memory: Memory) -> bool:
    """Whether the one it belongs to states it."""
    provenance = memory.payload.provenance
    return own_attested(provenance.source_type, provenance.speaker)


def path_of(memory: Memory) -> Path:
    return Path.from_json(memory.payload.path or {})


def _hit(memory: Memory, fused: Fused, weight: Weight) -> ReadHit:
    return ReadHit(*memory.place, path_of(memory), fused.score, weight.group, weight.trust, is_own(memory))


def _trust(memory: Memory, since: FirstSeen) -> float:
    known_since = since.get(bytes(memory.version.source_key), memory.version.recorded_at)
    return source_trust(SourceHistory(age=now() - known_since))


def _origin(memory: Memory, trust: float, since: FirstSeen) -> Origin:
    provenance, version = memory.payload.provenance, memory.version
    known_since = since.get(bytes(version.source_key), version.recorded_at)
    return Origin(
        source=provenance.source,
        source_type=provenance.source_type,
        speaker=provenance.speaker or "",
        principal_id=str(version.principal_id),
        root=str(memory.parents[0][0] if memory.parents else memory.cube.id),
        burst=burst_key(str(version.principal_id), known_since.timestamp(), trust),
    )

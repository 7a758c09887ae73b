"""How far a memory may be believed: its source's weight, its independence, its standing among the others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from foundation.search.fusion import Fused
from governance.opening import Memory, Row
from guard.standing import (
    NEW_SOURCE,
    Origin,
    ReadHit,
    burst_key,
    independence_groups,
    own_attested,
    standing,
)
from guard.trust import KnownSource, known_sources
from guard.types import Path, Standing

Known = Mapping[bytes, KnownSource]
"""What is known of the sources, by their keyed hashes; a source that is not there is new."""


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


def sources_of(rows: Iterable[Row]) -> Known:
    """What is known of the sources of these rows (inside a transaction)."""
    return known_sources({bytes(row.version.source_key) for row in rows})


def weights(memories: Sequence[Memory], known: Known) -> list[Weight]:
    """A weight for each memory; groups are joined over all of them."""
    trusts = [_trust(memory, known) for memory in memories]
    groups = independence_groups([_origin(each, trust, known) for each, trust in zip(memories, trusts, strict=True)])
    return [Weight(group, trust) for group, trust in zip(groups, trusts, strict=True)]


def weigh(hits: Sequence[tuple[Memory, Fused]], known: Known, question: str) -> list[Found]:
    """The hits with their standing towards the question, in their order. Nothing is left out."""
    memories = [memory for memory, _ in hits]
    weighed = weights(memories, known)
    judged = standing([_hit(*each, weight, known) for each, weight in zip(hits, weighed, strict=True)], question)
    return [
        Found(memory, fused, verdict.standing, verdict.trust, verdict.disputed_by)
        for (memory, fused), verdict in zip(hits, judged, strict=True)
    ]


def standing_of(memory: Memory) -> Standing:
    """The standing of one memory by itself: nobody else's word is heard."""
    alone = weights([memory], {})[0]
    place = Fused(*memory.place, lexical=1.0, dense=1.0, fused=1.0)
    return standing([_hit(memory, place, alone, {})])[0].standing


def is_own(memory: Memory, known: Known) -> bool:
    """Whether the one it belongs to states it: nobody else's credential speaks for a source's first writer."""
    provenance, version = memory.payload.provenance, memory.version
    source = known.get(bytes(version.source_key))
    writer = memory.cube.owner_id if version.reverts_to else version.principal_id
    ours = source is None or source.principal_id == writer
    return ours and own_attested(provenance.source_type, provenance.speaker)


def path_of(memory: Memory) -> Path:
    return Path.from_json(memory.payload.path or {})


def _hit(memory: Memory, fused: Fused, weight: Weight, known: Known) -> ReadHit:
    return ReadHit(*memory.place, path_of(memory), fused.score, weight.group, weight.trust, is_own(memory, known))


def _trust(memory: Memory, known: Known) -> float:
    source = known.get(bytes(memory.version.source_key))
    return source.trust if source else NEW_SOURCE


def _origin(memory: Memory, trust: float, known: Known) -> Origin:
    provenance, version = memory.payload.provenance, memory.version
    source = known.get(bytes(version.source_key))
    first_seen = source.first_seen if source else version.recorded_at.timestamp()
    return Origin(
        source=provenance.source,
        source_type=provenance.source_type,
        speaker=provenance.speaker or "",
        principal_id=str(version.principal_id),
        root=str(memory.parents[0][0] if memory.parents else memory.cube.id),
        burst=burst_key(str(version.principal_id), first_seen, trust),
    )

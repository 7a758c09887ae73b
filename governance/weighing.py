"""How far a memory may be believed: its source's weight, its independence, its standing among the others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from foundation.search.fusion import Fused
from governance.disputes import heed
from governance.opening import Memory, Row
from governance.revealing import by_token
from governance.sealed import Provenance
from guard.paths import restored
from guard.sameness import forget
from guard.standing import (
    NEW_SOURCE,
    Origin,
    ReadHit,
    independence_groups,
    own_attested,
    standing,
)
from guard.trust import Speaker, Voices, voices
from guard.types import Path, Standing


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


def sources_of(rows: Iterable[Row]) -> Voices:
    """What is known of the sources of these rows (inside a transaction)."""
    return voices({bytes(row.version.source_key) for row in rows})


def weights(memories: Sequence[Memory], known: Voices, *others: Origin) -> list[Weight]:
    """A weight for each memory; groups are joined over all of them and the origins of `others`, which come last."""
    trusts = [known.trust(speaker_of(memory)) for memory in memories]
    origins = [_origin(each, trust, known) for each, trust in zip(memories, trusts, strict=True)]
    groups = independence_groups([*origins, *others])
    return [Weight(group, trust) for group, trust in zip(groups, [*trusts, *[NEW_SOURCE] * len(others)], strict=True)]


def weigh(hits: Sequence[tuple[Memory, Fused]], known: Voices, question: str) -> list[Found]:
    """The hits with their standing towards the question, in their order. Nothing is left out. Of names that were put
    back nothing is kept."""
    memories = [memory for memory, _ in hits]
    weighed = weights(memories, known)
    read = [_hit(*each, weight, known, seen_path(each[0])) for each, weight in zip(hits, weighed, strict=True)]
    judged = heed(memories, read, standing(read, question), question)
    if any(memory.placed for memory in memories):
        forget()
    return [
        Found(memory, fused, verdict.standing, verdict.trust, verdict.disputed_by)
        for (memory, fused), verdict in zip(hits, judged, strict=True)
    ]


def standing_of(memory: Memory) -> Standing:
    """The standing of one memory by itself: nobody else's word is heard."""
    alone = weights([memory], Voices())[0]
    place = Fused(*memory.place, lexical=1.0, dense=1.0, fused=1.0)
    return standing([_hit(memory, place, alone, Voices(), path_of(memory))])[0].standing


def is_own(memory: Memory, known: Voices) -> bool:
    """Whether the one it belongs to states it: nobody else's credential speaks for a source's owner."""
    provenance = memory.payload.provenance
    return known.owned(speaker_of(memory)) and own_attested(provenance.source_type, provenance.speaker)


def speaker_of(memory: Memory) -> Speaker:
    """The voice a version is from; what a rollback took up again is its owner's."""
    version = memory.version
    return bytes(version.source_key), memory.cube.owner_id if version.reverts_to else version.principal_id


def path_of(memory: Memory) -> Path:
    return Path.from_json(memory.payload.path or {})


def seen_path(memory: Memory) -> Path:
    """The path as the asker may see it. Who sees names is told how they stand to each other, which pseudonyms hide:
    "Odo Keller" and "Keller" are two of them."""
    path = path_of(memory)
    return restored(path, by_token(memory.payload, memory.placed)) if memory.placed else path


def in_words(memories: Iterable[Memory]) -> bool:
    """Whether the asker sees what stands behind the pseudonyms in these memories, as he does in his own question."""
    return all(memory.placed or not memory.payload.redactions for memory in memories)


def _hit(memory: Memory, fused: Fused, weight: Weight, known: Voices, path: Path) -> ReadHit:
    return ReadHit(*memory.place, path, fused.score, weight.group, weight.trust, is_own(memory, known))


def _origin(memory: Memory, trust: float, known: Voices) -> Origin:
    version = memory.version
    since = known.first_seen(speaker_of(memory), version.recorded_at)
    root = memory.parents[0][0] if memory.parents else memory.cube.id
    return origin_of(memory.payload.provenance, version.principal_id, str(root), trust, since)


def origin_of(provenance: Provenance, principal_id: UUID, root: str, trust: float, since: datetime) -> Origin:
    """Where a record comes from; `root` is the record at the end of its lineage, `since` when its voice was new."""
    return Origin(
        source=provenance.source,
        source_type=provenance.source_type,
        speaker=provenance.speaker or "",
        principal_id=str(principal_id),
        root=root,
        new_since=since.timestamp() if trust <= NEW_SOURCE else None,
    )

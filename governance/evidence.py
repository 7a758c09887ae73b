"""What the guard is shown: the nearest admitted memories the writer may read, each with its source's weight."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from foundation.kernel.clock import now
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Unavailable
from foundation.kernel.scope import tenant_transaction
from foundation.search import index
from foundation.search.embedders import Vectors
from foundation.search.engine import engine
from foundation.search.port import Generation, Hit, Plan
from governance import lifecycle, opening
from governance.opening import Memory
from governance.sealed import lookup
from governance.selectors import may_read
from governance.submissions import Submission
from governance.weighing import Weight, origin_of, path_of, speaker_of, weights
from guard.lessons.matching import Known as Lesson
from guard.lessons.reading import at_writing
from guard.selectors import in_force
from guard.trust import Speaker, Voices, voices
from guard.types import Calibration, Evidence, EvidenceItem, GuardPolicy, Path, Ref
from tenants.policy import reachable_spaces

NEAREST = 16
RECENT = timedelta(hours=24)
"""The write window: what an attack that is still under way would have written."""


def nothing() -> None:
    """Whoever goes by nothing but what he submits."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the guard is shown of one submission, who the writer is and how far trusted, of which other voice each item
    is that is independent of the writer, and whether the writer's voice is known."""

    evidence: Evidence
    speaker: Speaker
    trust: float
    independent: dict[Ref, Speaker]
    known: bool = False


@dataclass(frozen=True, slots=True)
class Gathered:
    """The evidence on some submissions, in their order, under the tenant's choices.

    `complete`: whether the search engine answered. What was compared with nothing is held, whatever it looks like.
    """

    shown: list[Shown]
    policy: GuardPolicy
    lessons: tuple[Lesson, ...] = ()
    complete: bool = True


def gather(
    principal: Principal,
    parts: Sequence[Submission],
    embeddings: Sequence[Vectors | None],
    meanwhile: Callable[[], object],
    premise: Callable[[], None] = nothing,
) -> Gathered:
    """The evidence on each submission; none on one that could not be embedded. The nearest take longest to find:
    `meanwhile` is called while they are searched for, if they are; it uses no database. `premise` is asked first, in
    the snapshot the evidence is from: it raises if what the caller went by does not hold there."""
    keys = [lookup("source", part.provenance.source) for part in parts]
    with tenant_transaction(snapshot=True):
        premise()
        generation = index.asked()
        plans = [_plan(principal, *each, generation) for each in zip(parts, embeddings, strict=True)]
        nearest, complete = _all_nearest(plans, meanwhile)
        rows = _rows(principal, {(hit.id, hit.version) for hits in nearest for hit in hits})
        known = voices({*keys, *(bytes(row.version.source_key) for row in rows)})
        (policy, own), lessons = in_force(), at_writing(principal)
    memories = {memory.place: memory for memory in opening.unseal_existing(rows)}
    paths = {place: path_of(memory) for place, memory in memories.items()}
    near = [_opened(memories, hits) for hits in nearest]
    speakers = [(key, principal.id) for key in keys]
    shown = [_shown(*each, paths, known, own) for each in zip(parts, near, speakers, strict=True)]
    return Gathered(shown, policy, lessons, complete)


def _opened(memories: dict[Ref, Memory], hits: Sequence[Hit]) -> list[tuple[Memory, Hit]]:
    return [(memories[place], hit) for hit in hits if (place := (hit.id, hit.version)) in memories]


def _plan(
    principal: Principal, part: Submission, embedding: Vectors | None, generation: Generation | None
) -> Plan | None:
    if embedding is None or generation is None:
        return None
    return index.plan(
        part.searchable(),
        spaces=reachable_spaces(principal),
        roles={principal.role},
        k=NEAREST,
        embedding=embedding,
        words=False,
        generation=generation,
    )


def _all_nearest(plans: Sequence[Plan | None], meanwhile: Callable[[], object]) -> tuple[list[list[Hit]], bool]:
    """For each plan, and whether the engine answered: writing goes on while it does not."""
    asked = [plan for plan in plans if plan]
    if not asked:
        return [[] for _ in plans], True
    try:
        with engine().searching(asked) as found:
            meanwhile()
            return [_nearest(next(found)) if plan else [] for plan in plans], True
    except Unavailable:
        return [[] for _ in plans], False


def _nearest(hits: Sequence[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda hit: -_similarity(hit))[:NEAREST]


def _similarity(hit: Hit) -> float:
    return hit.dense or 0.0


def _rows(principal: Principal, places: set[Ref]) -> list[opening.Row]:
    """The rows of those that are served and the writer may read."""
    if not places:
        return []
    found = opening.read(places)
    served = (cube for cube in found.cubes.values() if cube.state in lifecycle.SERVED)
    seen = {cube.id for cube in served if may_read(principal, cube)}
    return opening.rows(sorted(place for place in places if place[0] in seen), found=found)


def _shown(
    part: Submission,
    near: Sequence[tuple[Memory, Hit]],
    speaker: Speaker,
    paths: Mapping[Ref, Path],
    known: Voices,
    own: Calibration,
) -> Shown:
    trust, memories = known.trust(speaker), [memory for memory, _ in near]
    writer = origin_of(part.provenance, speaker[1], _root(part), trust, known.first_seen(speaker, now()))
    *weighed, mine = weights(memories, known, writer)
    items = tuple(_item(*each, paths, weight, speaker) for each, weight in zip(near, weighed, strict=True))
    others = {
        memory.place: speaker_of(memory)
        for memory, weight in zip(memories, weighed, strict=True)
        if weight.group != mine.group
    }
    return Shown(Evidence(items, calibration=own), speaker, trust, others, speaker in known.known)


def _root(part: Submission) -> str:
    return str(part.parents[0][0]) if part.parents else ""


def _item(memory: Memory, hit: Hit, paths: Mapping[Ref, Path], weight: Weight, speaker: Speaker) -> EvidenceItem:
    return EvidenceItem(
        *memory.place,
        paths[memory.place],
        _similarity(hit),
        weight.group,
        weight.trust,
        own=speaker_of(memory) == speaker,
        recent=memory.version.recorded_at >= now() - RECENT,
    )

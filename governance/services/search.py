"""Search: the index proposes ids; rows are read again in scope, judged again by policy and state, then opened."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import record
from foundation import telemetry
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Integrity, Unavailable
from foundation.kernel.rows import select
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.search import index
from foundation.search.fusion import Fused
from foundation.search.port import Generation
from foundation.telemetry import instruments
from governance import opening, premises
from governance.handing_out import keep
from governance.measured import searches
from governance.models import MemCube, State
from governance.opening import Memory, Place, Row
from governance.premises import Premises, Spaces
from governance.revealing import Revelation
from governance.sealed import lookup
from governance.selectors import may_read
from governance.services.name_subjects import find_subjects
from governance.strength import weakened
from governance.surroundings import Surroundings, around, versions_at
from governance.timeline import PRESENT, Moment
from governance.weighing import Found, in_words, sources_of, weigh
from guard.pii.policy import PiiPolicy
from guard.pii.pool import redactor
from guard.pii.port import PiiUnavailable
from guard.trust import Voices
from tenants.policy import Resource, may, reachable_spaces

MOST = 100


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `spaces` empty means every permitted one; `subjects` are the caller's own names for people;
    `context`: how many turns before and after each hit come with it (at most `surroundings.FARTHEST`)."""

    query: str
    spaces: tuple[UUID, ...] = ()
    k: int = 10
    kinds: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    moment: Moment = PRESENT
    context: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """The results, best first, what stands beside each of them, and the receipt under which they were handed out."""

    found: list[Found]
    beside: Mapping[Place, Sequence[Found]]
    retrieval_id: UUID
    receipt: dict[str, Any]


@dataclass(slots=True)
class _Candidates:
    rows: list[tuple[Row, Fused]] = field(default_factory=list)
    withheld: int = 0


@dataclass(frozen=True, slots=True)
class _Looked:
    """What one snapshot showed, verified but not opened, and `asked`, the cleared question."""

    candidates: _Candidates
    near: Surroundings
    known: Voices
    told: Revelation
    asked: str


@searches
def search(principal: Principal, *, question: Question, through: Principal | None = None) -> Answer:
    """The `k` best memories the principal may see. Raises `Unavailable` while the index is being rebuilt.

    `through`: of what this other one would find, never beyond what `principal` may see himself. The look, the
    receipt and the values that are put back are `principal`'s.
    """
    began, asker = perf_counter(), through or principal
    looked = _look(principal, asker, question, _spaces(asker, question))
    rows, told = looked.candidates.rows, looked.told
    near, known = looked.near, looked.known
    opened = {memory.place: memory for memory in opening.unseal_existing([*(row for row, _ in rows), *near.rows], told)}
    hits = [(opened[place], each) for row, each in rows if (place := (row.cube.id, row.version.number)) in opened]
    asked = question.query if in_words(opened.values()) else looked.asked
    found = weigh(hits, known, asked)
    beside = _beside(near, opened, found, known, asked) if near.beside else {}
    return _hand_out(principal, question, found, beside, looked.candidates.withheld + near.withheld, told, began)


def _look(principal: Principal, asker: Principal, question: Question, spaces: Spaces) -> _Looked:
    """Look into one snapshot, by a plan whose premises hold in it."""
    kept = premises.remembered(spaces)
    ground = kept or premises.fresh(spaces, question.spaces)
    while True:
        try:
            asked = cleared(question.query, ground.policies.values())
            plan = _plan(asker, question, asked, spaces, ground.generation)
        except Unavailable:
            if ground is not kept:
                raise
            kept, ground = None, premises.fresh(spaces, question.spaces)  # a generation's key may be gone with it
            continue
        with tenant_transaction(snapshot=True):
            standing = premises.read(spaces, question.spaces)
            if standing == ground:
                return _look_into(principal, asker, question, asked, plan, ground)
        ground = standing


def _look_into(
    principal: Principal, asker: Principal, question: Question, asked: str, plan: index.Plan, ground: Premises
) -> _Looked:
    fused = index.search(plan)
    if not question.moment:
        fused = weakened(fused, ground.strengths)
    candidates = _judge_again({principal, asker}, fused, question)
    hits_rows = [row for row, _ in candidates.rows]
    near = around(principal, hits_rows, question.context, question.moment)
    rows = [*hits_rows, *near.rows]
    return _Looked(candidates, near, sources_of(rows), opening.ask(principal, rows, ground.policies), asked)


def _beside(
    near: Surroundings, opened: Mapping[Place, Memory], found: Sequence[Found], known: Voices, asked: str
) -> dict[Place, list[Found]]:
    """The neighbours of each hit, judged among the hits; they do not change how a hit is judged."""
    hits = [(each.memory, each.fused) for each in found]
    others = [(memory, Fused(*memory.place, 0.0, 0.0, 0.0)) for memory in _opened_of(near, opened)]
    judged = {each.memory.place: each for each in [*weigh([*hits, *others], known, asked), *found]}
    return {place: [judged[each] for each in beside if each in judged] for place, beside in near.beside.items()}


def _opened_of(near: Surroundings, opened: Mapping[Place, Memory]) -> list[Memory]:
    return [opened[place] for row in near.rows if (place := (row.cube.id, row.version.number)) in opened]


def _spaces(principal: Principal, question: Question) -> Spaces:
    """Those that are searched; whether the named ones are there is seen when they are read."""
    if not question.spaces:
        may(principal, Act.MEMORY_SEARCH)
        return reachable_spaces(principal)
    for space_id in question.spaces:
        may(principal, Act.MEMORY_SEARCH, Resource(space_id=space_id))
    return frozenset(question.spaces)


def _plan(
    principal: Principal,
    question: Question,
    asked: str,
    spaces: Spaces,
    generation: Generation | None,
) -> index.Plan:
    subjects = find_subjects([lookup("subject", name, 32) for name in question.subjects]).values()
    return index.plan(
        asked,
        spaces=spaces,
        roles={principal.role},
        k=question.k,
        kinds=question.kinds,
        labels=question.labels,
        # A person nobody was told about has no memories: an impossible subject keeps the filter a filter.
        subjects=list(subjects) or ([UUID(int=0)] if question.subjects else ()),
        as_of=question.moment.as_of,
        known_at=question.moment.known_at,
        generation=generation,
    )


def cleared(query: str, policies: Iterable[PiiPolicy]) -> str:
    """The query with its personal data replaced as in the memories it should find, for each policy they were cleared
    under. It is not stored; where the pass fails it is asked as it stands, and finds less."""
    key = keys.named("pseudonym")
    texts: dict[str, None] = {}  # in order, each once
    for policy in {each.ref: each for each in policies}.values():
        try:
            texts[redactor().tokens(query, policy, key=key)] = None
        except PiiUnavailable:
            texts[query] = None
    return "\n".join(texts) or query


def _judge_again(readers: Collection[Principal], fused: Sequence[Fused], question: Question) -> _Candidates:
    """The first `k` hits that still may be served to each of `readers`; an id the database does not know is an
    integrity error."""
    result, seen = _Candidates(), 0
    while len(result.rows) < question.k and seen < len(fused):
        batch = fused[seen : seen + question.k]
        seen += len(batch)
        _take(readers, batch, question, result)
    return result


def _take(readers: Collection[Principal], batch: Sequence[Fused], question: Question, result: _Candidates) -> None:
    found = opening.read((each.id, each.version) for each in batch)
    cubes = found.cubes
    if any(each.id not in cubes for each in batch):
        telemetry.record(instruments.SEARCH_BLOCKED, 1, telemetry.Where.RECORDS)
        raise Integrity("The index knows a record that the database does not.")
    standing = versions_at(cubes, question.moment)
    good = [each for each in batch if standing.get(each.id) == each.version]
    allowed = [each for each in good if all(may_read(reader, cubes[each.id]) for reader in readers)]
    result.withheld += len(good) - len(allowed)
    chosen = allowed[: question.k - len(result.rows)]
    result.rows += zip(opening.rows([(each.id, each.version) for each in chosen], found=found), chosen, strict=True)


def _hand_out(
    principal: Principal,
    question: Question,
    found: list[Found],
    beside: dict[Place, list[Found]],
    withheld: int,
    told: Revelation,
    began: float,
) -> Answer:
    """Leave out what was frozen since the snapshot, and write down what is handed out."""
    with tenant_transaction():
        left = _still_served([*found, *(each for near in beside.values() for each in near)])
        kept = [each for each in found if each.memory.cube.id in left]
        shown = {place: [each for each in near if each.memory.cube.id in left] for place, near in beside.items()}
        retrieval = keep(principal, kept, shown, withheld, began)
        detail = {"retrieval": str(retrieval.id), "returned": [hit[:2] for hit in retrieval.hits]}
        versions = {each.memory.version.id for each in (*kept, *(each for near in shown.values() for each in near))}
        event = record(
            principal, Act.MEMORY_SEARCH, detail=detail | told.detail(sorted(versions)), query=question.query
        )
    return Answer(kept, shown, retrieval.id, receipt(event))


def _still_served(found: Sequence[Found]) -> set[UUID]:
    ids = {each.memory.cube.id for each in found}
    gone = select(MemCube, "id = ANY(%s) AND (frozen OR state <> %s)", [list(ids), State.ACTIVE.value])
    return ids - {cube.id for cube in gone}

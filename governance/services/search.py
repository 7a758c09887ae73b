"""Search: the index proposes ids; rows are read again in scope, judged again by policy and state, then opened."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import record
from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Integrity
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.search import index
from foundation.search.fusion import Fused
from governance import lifecycle, opening
from governance.models import MemCube, Retrieval, RetrievalHit, Space, State
from governance.opening import Row
from governance.revealing import Revelation
from governance.sealed import lookup
from governance.selectors import is_expired, may_read, reach_space
from governance.services.name_subjects import find_subjects
from governance.timeline import PRESENT, Moment, at_moment
from governance.weighing import Found, sources_of, weigh
from guard.pii.policy import PiiPolicy
from guard.pii.pool import redactor
from guard.pii.port import PiiUnavailable
from guard.selectors import pii_policies
from tenants.policy import may, reachable_spaces

MOST = 100


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `spaces` empty means every permitted one; `subjects` are the caller's own names for people."""

    query: str
    spaces: tuple[UUID, ...] = ()
    k: int = 10
    kinds: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    moment: Moment = PRESENT


@dataclass(frozen=True, slots=True)
class Answer:
    """The results, best first, and the receipt under which they were handed out."""

    found: list[Found]
    retrieval_id: UUID
    receipt: dict[str, Any]


@dataclass(slots=True)
class _Candidates:
    rows: list[tuple[Row, Fused]] = field(default_factory=list)
    withheld: int = 0


def search(principal: Principal, *, question: Question) -> Answer:
    """The `k` best memories the principal may see. Raises `Unavailable` while the index is being rebuilt."""
    spaces = _spaces(principal, question)
    policies = _policies(spaces)
    asked = cleared(question.query, policies.values())
    plan = _plan(principal, question, asked, spaces)
    with tenant_transaction(snapshot=True):
        fused = index.search(plan)
        candidates = _judge_again(principal, fused, question)
        rows = [row for row, _ in candidates.rows]
        known, told = sources_of(rows), opening.ask(principal, rows, policies)
    opened = {memory.place: memory for memory in opening.unseal_existing(rows, told)}
    hits = [
        (opened[place], each) for row, each in candidates.rows if (place := (row.cube.id, row.version.number)) in opened
    ]
    return _hand_out(principal, question, weigh(hits, known, asked), candidates.withheld, told)


def _spaces(principal: Principal, question: Question) -> frozenset[UUID] | None:
    if not question.spaces:
        may(principal, Act.MEMORY_SEARCH)
        return reachable_spaces(principal)
    for space_id in question.spaces:
        reach_space(principal, space_id, Act.MEMORY_SEARCH)
    return frozenset(question.spaces)


def _plan(principal: Principal, question: Question, asked: str, spaces: frozenset[UUID] | None) -> index.Plan:
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
    )


def _policies(spaces: frozenset[UUID] | None) -> dict[UUID, PiiPolicy]:
    """The policy in force in each space that is searched."""
    with tenant_transaction():
        reached = Space.objects.filter(deleted_at=None) if spaces is None else Space.objects.filter(id__in=spaces)
        named = dict(reached.values_list("id", "pii_policy_id"))
        found = pii_policies(named.values())
    return {space_id: found[policy_id] for space_id, policy_id in named.items()}


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


def _judge_again(principal: Principal, fused: Sequence[Fused], question: Question) -> _Candidates:
    """The first `k` hits that still may be served; an id the database does not know is an integrity error."""
    result, seen = _Candidates(), 0
    while len(result.rows) < question.k and seen < len(fused):
        batch = fused[seen : seen + question.k]
        seen += len(batch)
        _take(principal, batch, question, result)
    return result


def _take(principal: Principal, batch: Sequence[Fused], question: Question, result: _Candidates) -> None:
    cubes = {cube.id: cube for cube in MemCube.objects.filter(id__in=[each.id for each in batch])}
    if any(each.id not in cubes for each in batch):
        raise Integrity("The index knows a record that the database does not.")
    standing = _versions_at(cubes, question.moment)
    good = [each for each in batch if standing.get(each.id) == each.version]
    allowed = [each for each in good if may_read(principal, cubes[each.id])]
    result.withheld += len(good) - len(allowed)
    chosen = allowed[: question.k - len(result.rows)]
    result.rows += zip(opening.rows([(each.id, each.version) for each in chosen], read=cubes), chosen, strict=True)


def _versions_at(cubes: dict[UUID, MemCube], moment: Moment) -> dict[UUID, int]:
    living = {cube_id: cube for cube_id, cube in cubes.items() if not cube.frozen and not is_expired(cube)}
    served = {cube_id: cube.version for cube_id, cube in living.items() if cube.state in lifecycle.SERVED}
    return at_moment(served, moment) if moment else served


def _hand_out(principal: Principal, question: Question, found: list[Found], withheld: int, told: Revelation) -> Answer:
    """Leave out what was frozen since the snapshot, and write down what is handed out."""
    with tenant_transaction():
        ids = [each.memory.cube.id for each in found]
        gone = MemCube.objects.filter(id__in=ids).exclude(frozen=False, state=State.ACTIVE)
        left = set(ids) - set(gone.values_list("id", flat=True))
        kept = [each for each in found if each.memory.cube.id in left]
        retrieval = _keep(principal, kept, withheld)
        detail = {"retrieval": str(retrieval.id), "returned": [hit[:2] for hit in retrieval.hits]}
        detail |= told.detail(each.memory.version.id for each in kept)
        event = record(principal, Act.MEMORY_SEARCH, detail=detail, query=question.query)
    return Answer(kept, retrieval.id, receipt(event))


def _keep(principal: Principal, found: Sequence[Found], withheld: int) -> Retrieval:
    places = [(rank, *each.memory.place, each.standing) for rank, each in enumerate(found, start=1)]
    hits = [[str(cube_id), number, rank, standing.value] for rank, cube_id, number, standing in places]
    retrieval = Retrieval(id=uuid7(), principal_id=principal.id, at=now(), hits=hits, withheld=withheld)
    retrieval.save(force_insert=True)
    RetrievalHit.objects.bulk_create(
        RetrievalHit(retrieval_id=retrieval.id, memcube_id=cube_id, version=number) for _, cube_id, number, _ in places
    )
    return retrieval

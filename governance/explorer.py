"""What the memory explorer reads: lists by what a memory is, a record's history, holds and readers.

Everything goes by what the asker may read; every look is an event.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.principal import Principal
from foundation.kernel.problems import NotFound
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from governance import lifecycle, opening, selectors
from governance.holds import holds_on
from governance.models import HeaderRevision, LegalHold, MemCube, Retrieval, RetrievalHit, State
from governance.opening import Memory
from governance.retention.keeping import schedule
from governance.sealed import lookup, open_text
from governance.services.name_subjects import find_subjects
from governance.services.place_hold import name_place
from governance.timeline import PRESENT, Moment, at_moment, served_from
from tenants.policy import Resource, may
from tenants.roles import ACTS, POLICY

NOBODY = UUID(int=0)
READERS = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which memories, newest first, before the id `before`. `subject` is the caller's own name for a person; `state`
    None means what is served."""

    space_id: UUID | None = None
    kind: str | None = None
    labels: tuple[str, ...] = ()
    subject: str | None = None
    state: str | None = None
    moment: Moment = PRESENT
    before: UUID | None = None
    limit: int = 25


@dataclass(frozen=True, slots=True)
class HoldOn:
    """A legal hold on a record, by its name."""

    id: UUID
    name: str
    placed_at: datetime


@dataclass(frozen=True, slots=True)
class Stay:
    """Until when a minimum keeps a record, and when it reaches its maximum; None for what no rule says."""

    kept_until: datetime | None
    over_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody was handed the record by a search: which version, at what rank, how it stood."""

    retrieval_id: UUID
    principal_id: UUID
    at: datetime
    version: int
    rank: int
    standing: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A withdrawn record: until when it can be taken up again, and from which versions. Its text is not opened."""

    cube: MemCube
    versions: Sequence[int]


def memories(principal: Principal, wanted: Wanted) -> tuple[list[Memory], UUID | None]:
    """A page of memories, and the id after which it goes on (None: it was the last)."""
    subject = _subject(wanted.subject)
    with tenant_transaction(snapshot=True):
        ids = _ids(principal, wanted, subject)
        page = ids[: wanted.limit]
        places = at_moment(page, wanted.moment) if wanted.moment else dict.fromkeys(page)
        rows = opening.rows([(each, places[each]) for each in page if each in places])
        told = opening.ask(principal, rows)
        listed = [[str(row.cube.id), row.version.number] for row in rows]
        record(principal, Act.MEMORY_LIST, policy=POLICY, detail={"returned": listed} | told.detail())
    return opening.unseal_existing(rows, told), page[-1] if len(ids) > wanted.limit else None


def history(principal: Principal, memory_id: UUID) -> list[HeaderRevision]:
    """Every header the record had, newest first."""
    with tenant_transaction():
        cube = _reach(principal, memory_id)
        record(principal, Act.MEMORY_READ, target=Target("memory", memory_id, cube.version), policy=POLICY)
        return list(HeaderRevision.objects.filter(memcube_id=memory_id).order_by("-rev"))


def holds(principal: Principal, cube: MemCube) -> list[HoldOn]:
    """The placed holds on a record, for who may read holds."""
    may(principal, "hold.read")
    secret = keys.named("record")
    with tenant_transaction():
        ids = holds_on([cube]).get(cube.id, [])
        rows = LegalHold.objects.filter(id__in=ids).order_by("placed_at") if ids else ()
        return [
            HoldOn(row.id, open_text(secret, name_place(row), row.sealed_name) or "", row.placed_at) for row in rows
        ]


def stay(cube: MemCube) -> Stay:
    """How long the record's retention policy keeps it, and lets it stay, where there is one (inside a transaction)."""
    policies = schedule([cube.space_id])
    keeping = policies.keeping(cube)
    return Stay(keeping.until if keeping else None, policies.over_at(cube))


def readers(principal: Principal, memory_id: UUID) -> list[Reader]:
    """The newest searches that handed the record out, newest first."""
    may(principal, Act.RETRIEVAL_READ)
    with tenant_transaction():
        _reach(principal, memory_id)
        hits = RetrievalHit.objects.filter(memcube_id=memory_id).order_by("-id")[:READERS]
        rows = Retrieval.objects.in_bulk({hit.retrieval_id for hit in hits})
        record(principal, Act.RETRIEVAL_READ, target=Target("memory", memory_id), policy=POLICY)
    found = [_reader(rows[hit.retrieval_id], hit) for hit in hits]
    return sorted(found, key=lambda each: each.at, reverse=True)


def withdrawn(principal: Principal, memory_id: UUID) -> Withdrawn:
    """A withdrawn record as who may take it up again sees it; raises `NotFound` for any other."""
    with tenant_transaction():
        cube = selectors.reach_cube(principal, MemCube.objects.filter(id=memory_id).first(), Act.MEMORY_ROLLBACK)
        if cube.state != State.WITHDRAWN:
            raise NotFound
        record(principal, Act.MEMORY_READ, target=Target("memory", memory_id, cube.version), policy=POLICY)
        return Withdrawn(cube, list(served_from([memory_id])[memory_id]))


def _subject(name: str | None) -> UUID | None:
    """A person nobody was told about has no memories: an impossible subject keeps the filter a filter."""
    return next(iter(find_subjects([lookup("subject", name, 32)]).values()), NOBODY) if name else None


def _ids(principal: Principal, wanted: Wanted, subject: UUID | None) -> list[UUID]:
    """Up to `limit` + 1 ids, newest first."""
    space = Resource(space_id=wanted.space_id) if wanted.space_id else None
    may(principal, Act.MEMORY_LIST, space)
    query = selectors.readable(principal)
    states = [wanted.state] if wanted.state and not wanted.moment else list(lifecycle.SERVED)
    query = query.filter(state__in=states)
    if wanted.state in selectors.REVIEWED and principal.role not in ACTS[Act.DECISION_REVIEW]:
        query = query.none()
    if wanted.state in (State.FORGOTTEN, State.WITHDRAWN):
        query = query.none()
    narrowed: dict[str, Any] = {
        "space_id": wanted.space_id,
        "kind": wanted.kind,
        "labels__contains": list(wanted.labels) or None,
        "subject_ids__contains": [subject] if subject else None,
        "id__lt": wanted.before,
    }
    query = query.filter(**{name: value for name, value in narrowed.items() if value is not None})
    return list(query.order_by("-id").values_list("id", flat=True)[: wanted.limit + 1])


def _reach(principal: Principal, memory_id: UUID) -> MemCube:
    return selectors.reach_cube(principal, MemCube.objects.filter(id=memory_id).first(), Act.MEMORY_READ)


def _reader(row: Retrieval, hit: RetrievalHit) -> Reader:
    """The line of this record in the retrieval: `[id, version, rank, standing, …]`."""
    line = next(each for each in row.hits if each[0] == str(hit.memcube_id) and each[1] == hit.version)
    return Reader(row.id, row.principal_id, row.at, hit.version, line[2], line[3])

"""What governance reads: spaces, memories at a time, their versions, differences and lineage.

Another tenant's id, an unknown one and one in a space the asker does not reach are the same `NotFound`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.clock import now, rfc3339
from foundation.kernel.principal import Principal, Role
from foundation.kernel.problems import Erased, FieldError, NotFound, Problem, Validation, Withdrawn
from foundation.kernel.rows import first
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from governance import lifecycle, opening, strength
from governance.models import Admission, Incident, LineageEdge, MemCube, Retrieval, Space, State, Version
from governance.opening import Memory, Row, Shown
from governance.rollbacks.undone import undone
from governance.strength import Usage
from governance.submissions import Submission
from governance.timeline import PRESENT, Moment, at_moment, served_from
from tenants.policy import Resource, acl_label, may, reachable_spaces
from tenants.roles import ACTS, CREDENTIAL_ROLES, POLICY

REVIEWED = frozenset({State.HELD, State.RESTRICTED, State.EXPIRED, State.ARCHIVED, State.MERGED, State.FROZEN})
"""States shown, by id, to those who decide about memories and to nobody else."""

ACL_LABELS = [f"acl:{role}" for role in CREDENTIAL_ROLES]


def reach_space(principal: Principal, space_id: UUID, act: str) -> Space:
    """The space, if the principal may do `act` in it; raises `NotFound` or `PolicyDenied`."""
    may(principal, act, Resource(space_id=space_id))
    with tenant_transaction():
        space: Space | None = first(Space, "id = %s AND deleted_at IS NULL", [space_id])
    if space is None:
        raise NotFound
    return space


def spaces(principal: Principal) -> Any:
    """The spaces the principal reaches, oldest first (a query, inside a transaction)."""
    reach = reachable_spaces(principal)
    found = Space.objects.filter(deleted_at=None).order_by("id")
    return found if reach is None else found.filter(id__in=reach)


def reach_cube(principal: Principal, cube: MemCube | None, act: Act) -> MemCube:
    """The record, if the principal may do `act` to it; raises `NotFound`, `PolicyDenied`, `Erased` or `Withdrawn`."""
    if cube is None:
        raise NotFound
    may(principal, act, Resource(space_id=cube.space_id, labels=tuple(cube.labels)))
    if cube.state == State.FORGOTTEN or cube.frozen:
        raise Erased
    if cube.state == State.WITHDRAWN and act != Act.MEMORY_ROLLBACK:
        raise Withdrawn
    if (cube.state in REVIEWED or is_expired(cube)) and not _decides(principal, cube):
        raise NotFound
    return cube


def memory(principal: Principal, *, memory_id: UUID, moment: Moment = PRESENT) -> Shown:
    """One memory as it stands, or stood at a moment. The look itself is an event."""
    with tenant_transaction(snapshot=True):
        row = _reach_row(principal, memory_id, moment)
        admissions, told = opening.admissions_of([row]), opening.ask(principal, [row])
        target = Target("memory", memory_id, row.version.number)
        event = record(principal, Act.MEMORY_READ, target=target, detail=told.detail())
    return _only(opening.show([row], admissions, receipt(event), told))


def usage(memory_id: UUID) -> Usage:
    """What became of a memory that was reached before."""
    with tenant_transaction():
        return strength.usage([memory_id])[memory_id]


def memories(
    principal: Principal, *, space_id: UUID | None, state: str | None, moment: Moment, after: UUID | None, limit: int
) -> list[Shown]:
    """Up to `limit` memories in order of their making, after `after`."""
    with tenant_transaction(snapshot=True):
        ids = _page(principal, space_id, state, moment, after, limit)
        places = at_moment(ids, moment) if moment else dict.fromkeys(ids)
        found = opening.rows([(each, places[each]) for each in ids if each in places])
        admissions, told = opening.admissions_of(found), opening.ask(principal, found)
        listed = [[str(row.cube.id), row.version.number] for row in found]
        event = record(principal, Act.MEMORY_LIST, detail={"returned": listed} | told.detail())
    return opening.show(found, admissions, receipt(event), told)


def versions(principal: Principal, *, memory_id: UUID) -> list[tuple[Memory, datetime | None, str]]:
    """Every version that was ever served, oldest first, with when it was superseded and its state."""
    with tenant_transaction(snapshot=True):
        current = _reach_row(principal, memory_id, PRESENT)
        served = served_from([memory_id])[memory_id]
        found = opening.rows([(memory_id, number) for number in served])
        record(principal, Act.MEMORY_READ, target=Target("memory", memory_id, current.version.number))
    ends = [*list(served.values())[1:], None]
    opened = opening.unseal(found)
    return [(each, end, "current" if end is None else "superseded") for each, end in zip(opened, ends, strict=True)]


def version(principal: Principal, *, memory_id: UUID, number: int) -> Shown:
    """One version that was served; raises `NotFound` for any other number."""
    with tenant_transaction(snapshot=True):
        _reach_row(principal, memory_id, PRESENT)
        if number not in served_from([memory_id])[memory_id]:
            raise NotFound
        row = opening.rows([(memory_id, number)])[0]
        admissions, told = opening.admissions_of([row]), opening.ask(principal, [row])
        target = Target("memory", memory_id, number)
        event = record(principal, Act.MEMORY_READ, target=target, detail=told.detail())
    return _only(opening.show([row], admissions, receipt(event), told))


def lineage(
    principal: Principal, *, memory_id: UUID, direction: str = "both", depth: int = 10
) -> tuple[set[tuple[UUID, int]], list[tuple[tuple[UUID, int], tuple[UUID, int]]]]:
    """Nodes and (child, parent) edges around a record, as far as the asker may read."""
    with tenant_transaction(snapshot=True):
        row = _reach_row(principal, memory_id, PRESENT)
        record(principal, Act.MEMORY_READ, target=Target("memory", memory_id, row.version.number))
        edges = _walk(memory_id, direction, depth)
        ends = {place[0] for edge in edges for place in edge}
        seen = {cube.id for cube in MemCube.objects.filter(id__in=ends) if may_read(principal, cube)}
    kept = sorted(edge for edge in edges if edge[0][0] in seen and edge[1][0] in seen)
    return {(memory_id, row.version.number), *(place for edge in kept for place in edge)}, kept


def check_parents(principal: Principal, submissions: Sequence[Submission]) -> dict[int, Problem]:
    """By `id()` of a submission, why its parents cannot be its parents: unknown, unreadable, erased, or not named
    though it says it is derived."""
    named = {parent for part in submissions for parent in part.parents}
    good = _readable(principal, named) if named else set()
    problems = ((part, _parent_problem(part, good)) for part in submissions)
    return {id(part): problem for part, problem in problems if problem}


def _readable(principal: Principal, places: set[tuple[UUID, int]]) -> set[tuple[UUID, int]]:
    """Those of the versions that exist, may be read and were not undone by a rollback."""
    with tenant_transaction():
        cubes = {cube.id: cube for cube in MemCube.objects.filter(id__in={cube_id for cube_id, _ in places})}
        numbers = set(Version.objects.filter(memcube_id__in=cubes).values_list("memcube_id", "number"))
        good = (numbers & places) - undone(numbers & places)
    return {place for place in good if may_read(principal, cubes[place[0]])}


def inherited_subjects(parts: Sequence[Submission]) -> dict[UUID, list[UUID]]:
    """The subjects of every named parent: they propagate to what is derived from it."""
    ids = {parent for part in parts for parent, _ in part.parents}
    if not ids:
        return {}
    with tenant_transaction():
        return dict(MemCube.objects.filter(id__in=ids).values_list("id", "subject_ids"))


def _parent_problem(part: Submission, good: set[tuple[UUID, int]]) -> Problem | None:
    pointer = "/provenance/parents"
    if part.provenance.source_type == "derived" and not part.parents:
        return Validation(errors=[FieldError(pointer, "required", "A derived memory names its parents.")])
    if any(parent not in good for parent in part.parents):
        return Validation(errors=[FieldError(pointer, "unknown", "A parent does not exist.")])
    return None


def _only(found: list[Shown]) -> Shown:
    if not found:
        raise Erased
    return found[0]


def _reach_row(principal: Principal, memory_id: UUID, moment: Moment) -> Row:
    cube = reach_cube(principal, MemCube.objects.filter(id=memory_id).first(), Act.MEMORY_READ)
    places = at_moment([memory_id], moment) if moment else {cube.id: cube.version}
    found = opening.rows(places.items())
    if not found:
        raise NotFound
    return found[0]


def _page(
    principal: Principal, space_id: UUID | None, state: str | None, moment: Moment, after: UUID | None, count: int
) -> list[UUID]:
    may(principal, Act.MEMORY_LIST, Resource(space_id=space_id) if space_id else None)
    query = readable(principal)
    query = query.filter(state=state) if state and not moment else query.filter(state__in=lifecycle.SERVED)
    if space_id:
        query = query.filter(space_id=space_id)
    if after:
        query = query.filter(id__gt=after)
    if state in REVIEWED and principal.role not in ACTS[Act.DECISION_REVIEW]:
        query = query.none()
    return list(query.order_by("id").values_list("id", flat=True)[:count])


def readable(principal: Principal) -> Any:
    """The records whose space and labels let the principal read them, frozen ones left out (a query)."""
    query = MemCube.objects.filter(frozen=False).exclude(expires_at__lte=now())
    reach = reachable_spaces(principal)
    if reach is not None:
        query = query.filter(space_id__in=reach)
    mine = acl_label(principal)
    return query if mine is None else query.filter(Q(labels__contains=[mine]) | ~Q(labels__overlap=ACL_LABELS))


def is_expired(cube: MemCube) -> bool:
    """Whether its time has run out; the retirement that follows may still be on its way."""
    return cube.expires_at is not None and cube.expires_at <= now()


def may_read(principal: Principal, cube: MemCube) -> bool:
    try:
        reach_cube(principal, cube, Act.MEMORY_READ)
    except Problem:
        return False
    return True


def _decides(principal: Principal, cube: MemCube) -> bool:
    return cube.owner_id == principal.id or principal.role in ACTS[Act.DECISION_REVIEW]


def _walk(memory_id: UUID, direction: str, depth: int) -> set[tuple[tuple[UUID, int], tuple[UUID, int]]]:
    edges: set[tuple[tuple[UUID, int], tuple[UUID, int]]] = set()
    for column in {"ancestors": ["child_id"], "descendants": ["parent_id"]}.get(direction, ["child_id", "parent_id"]):
        frontier, seen = {memory_id}, {memory_id}
        for _ in range(depth):
            found = list(LineageEdge.objects.filter(**{f"{column}__in": frontier}))
            edges |= {((e.child_id, e.child_version), (e.parent_id, e.parent_version)) for e in found}
            frontier = {e.parent_id if column == "child_id" else e.child_id for e in found} - seen
            seen |= frontier
            if not frontier:
                break
    return edges


def diff(principal: Principal, *, memory_id: UUID, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """What differs between two served versions as the asker sees them: `{path, from, to}`, by JSON path."""
    with tenant_transaction(snapshot=True):
        _reach_row(principal, memory_id, PRESENT)
        if not set(numbers) <= served_from([memory_id])[memory_id].keys():
            raise NotFound
        found = opening.rows([(memory_id, number) for number in numbers])
        told, target = opening.ask(principal, found), Target("memory", memory_id, numbers[1])
        record(principal, Act.MEMORY_READ, target=target, policy=POLICY, detail=told.detail())
    old, new = (_flat(each) for each in opening.unseal(found, told))
    paths = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    return [{"path": path, "from": old.get(path), "to": new.get(path)} for path in paths]


def _flat(opened: Memory) -> dict[str, Any]:
    payload, row = opened.seen, opened.version
    flat: dict[str, Any] = {"/content": payload.content}
    flat |= {f"/metadata/{name}": value for name, value in payload.metadata.items()}
    flat |= {f"/episode/{name}": value for name, value in (payload.episode or {}).items()}
    return flat | {"/valid_from": rfc3339(row.valid_from), "/valid_to": rfc3339(row.valid_to)}


def retrieval(principal: Principal, *, retrieval_id: UUID) -> tuple[Retrieval, bool]:
    """One search's receipt, and whether the asker may know how many hits were withheld (auditors only)."""
    may(principal, Act.RETRIEVAL_READ)
    with tenant_transaction():
        row = Retrieval.objects.filter(id=retrieval_id).first()
        if row is None:
            raise NotFound
        record(principal, Act.RETRIEVAL_READ, target=Target("retrieval", retrieval_id), policy=POLICY)
    return row, principal.role == Role.AUDITOR


def reviews(principal: Principal, rows: Sequence[Admission]) -> list[tuple[Admission, dict[str, Any]]]:
    """Admissions with their decision records opened, in order, outside the transaction they were read in."""
    secrets = keys.open_many([row.version_id for row in rows])
    opened = [(row, secrets[row.version_id]) for row in rows if row.version_id in secrets]
    return [(row, opening.decision_of(row, secret)) for row, secret in opened]


def admissions(principal: Principal, *, state: str | None) -> Any:
    """The admissions within reach (a query, inside a transaction)."""
    may(principal, "review.read")
    reach = reachable_spaces(principal)
    found = Admission.objects.all() if reach is None else Admission.objects.filter(space_id__in=reach)
    return found if state is None else found.filter(state=state)


def incidents(principal: Principal, *, state: str | None) -> Any:
    """The incidents of which something is within reach (a query, inside a transaction)."""
    may(principal, "review.read")
    reach = reachable_spaces(principal)
    found = Incident.objects.all()
    if reach is not None:
        found = found.filter(id__in=Admission.objects.filter(space_id__in=reach).values("incident_id"))
    return found if state is None else found.filter(state=state)


def incident_counts(principal: Principal, rows: Sequence[Incident]) -> dict[UUID, tuple[int, int]]:
    """How many records within reach wait in each incident, and of how many sources all of its records are."""
    held = Q(state=Admission.State.HELD)
    found = admissions(principal, state=None).filter(incident_id__in=[row.id for row in rows])
    counted = found.values_list("incident_id").annotate(
        waiting=Count("id", filter=held), sources=Count("source_key", distinct=True)
    )
    return {incident_id: (waiting, sources) for incident_id, waiting, sources in counted.order_by()}

"""What a reviewer is shown: the queue of held memories, and one of them with everything that speaks for and against it.

Text is opened only for who may read the record; the decision itself is shown to everybody who may review. Every look
is an event that names what was shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Min, Q

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Erased, NotFound
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from governance import opening, selectors
from governance.models import Admission, Incident, MemCube
from governance.opening import Memory, Place, Row
from governance.revealing import NOTHING, Revelation
from governance.sealed import open_text
from governance.weighing import sources_of
from guard.optional_judge.opinion import Opinion
from guard.optional_judge.opinions import on_held
from guard.trust import KnownVoice, Speaker
from tenants.policy import Resource, may
from tenants.roles import POLICY

LESSON = "lesson"
"""The signal whose evidence are lessons, not records."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which admissions: by state (None: all), space, incident; those after the id `after`, oldest first."""

    state: str | None = Admission.State.HELD
    space_id: UUID | None = None
    incident_id: UUID | None = None
    after: UUID | None = None
    limit: int = 25


@dataclass(frozen=True, slots=True)
class Line:
    """One admission of the queue. `memory` is None where the record's labels keep its text from the reviewer."""

    admission: Admission
    decision: Mapping[str, Any]
    memory: Memory | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one signal cites: the opened record, or None where it was erased or is out of the reviewer's reach."""

    place: Place
    signal: str
    memory: Memory | None


@dataclass(frozen=True, slots=True)
class Record:
    """What became of everything a source submitted, by state, within the reviewer's reach."""

    voice: KnownVoice | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """One admission as its reviewer sees it. `served`: the version in service, where the held one would replace it.
    `reason`: what was said when it was decided. `others`: how many more wait in its incident."""

    line: Line
    evidence: Sequence[Evidence]
    served: Memory | None
    source: Record
    opinion: Opinion | None
    incident: Incident | None
    others: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Queue:
    """How many wait, since when the oldest does, and how many wait for a part of the system and not for a person."""

    waiting: int
    oldest: datetime | None
    for_a_part: int


def queue(principal: Principal) -> Queue:
    """The held queue in three numbers, by one query (inside a transaction)."""
    for_people = Q(waits=False)
    found = selectors.admissions(principal, state=Admission.State.HELD).aggregate(
        waiting=Count("id", filter=for_people),
        oldest=Min("held_at", filter=for_people),
        for_a_part=Count("id", filter=Q(waits=True)),
    )
    return Queue(**found)


def lines(principal: Principal, wanted: Wanted) -> list[Line]:
    """Up to `limit` + 1 admissions, so that the caller sees whether there are more; the look is an event."""
    with tenant_transaction(snapshot=True):
        admissions = list(_wanted(principal, wanted))
        rows = _in_sight(principal, [(each.memcube_id, each.version) for each in admissions])
        told = opening.ask(principal, rows)
        _tell(principal, rows, told)
    memories = {each.version.id: each for each in opening.unseal_existing(rows, told)}
    reviews = selectors.reviews(principal, admissions)
    return [Line(row, decision, memories.get(row.version_id)) for row, decision in reviews]


def case(principal: Principal, admission_id: UUID) -> Case:
    """One admission with all that bears on it. Raises `NotFound`, and `Erased` where its record's key is gone."""
    with tenant_transaction():
        admission = selectors.admissions(principal, state=None).filter(id=admission_id).first()
    if admission is None:
        raise NotFound
    may(principal, "review.read", Resource(space_id=admission.space_id))
    secret = keys.open_many([admission.version_id]).get(admission.version_id)
    if secret is None:
        raise Erased
    decision = opening.decision_of(admission, secret)
    return _case(principal, admission, decision, secret)


def cited(decision: Mapping[str, Any]) -> list[tuple[Place, str]]:
    """The records a decision rests on, each once, with the first signal that cites it."""
    found: dict[Place, str] = {}
    for signal in decision["signals"]:
        if signal["name"] != LESSON:
            for cube_id, number in signal["evidence"]:
                found.setdefault((UUID(cube_id), number), signal["name"])
    return list(found.items())


def _case(principal: Principal, admission: Admission, decision: Mapping[str, Any], secret: bytes) -> Case:
    places = cited(decision)
    with tenant_transaction(snapshot=True):
        present = MemCube.objects.filter(id=admission.memcube_id).values_list("version", flat=True).first()
        own = (admission.memcube_id, admission.version)
        served = (admission.memcube_id, present) if present not in (None, admission.version) else None
        rows = _in_sight(principal, [own, *([served] if served else []), *(place for place, _ in places)])
        told, voices = opening.ask(principal, rows), sources_of(rows)
        source = _source(principal, admission, voices.known)
        incident, others = _incident(principal, admission)
        _tell(principal, rows, told, Target("admission", admission.id))
    memories = {each.place: each for each in opening.unseal_existing(rows, told)}
    return Case(
        line=Line(admission, decision, memories.get(own)),
        evidence=[Evidence(place, signal, memories.get(place)) for place, signal in places],
        served=memories.get(served) if served else None,
        source=source,
        opinion=on_held([admission.version_id]).get(admission.version_id),
        incident=incident,
        others=others,
        reason=open_text(secret, f"admission:{admission.id}:reason", admission.sealed_reason),
    )


def _wanted(principal: Principal, wanted: Wanted) -> Any:
    found = selectors.admissions(principal, state=wanted.state)
    narrowed = {"space_id": wanted.space_id, "incident_id": wanted.incident_id, "id__gt": wanted.after}
    narrowed = {name: value for name, value in narrowed.items() if value is not None}
    return found.filter(**narrowed).order_by("id")[: wanted.limit + 1]


def _in_sight(principal: Principal, places: Iterable[Place]) -> list[Row]:
    """The rows of those the reviewer may read and that are still there."""
    wanted = list(dict.fromkeys(places))
    found = opening.read(wanted)
    seen = {cube.id for cube in found.cubes.values() if selectors.may_read(principal, cube)}
    return opening.rows([place for place in wanted if place[0] in seen], found=found)


def _tell(principal: Principal, rows: Sequence[Row], told: Revelation = NOTHING, target: Target | None = None) -> None:
    shown = [[str(row.cube.id), row.version.number] for row in rows]
    detail = {"returned": shown} | told.detail()
    record(principal, Act.REVIEW_READ, target=target, policy=POLICY, detail=detail)


def _source(principal: Principal, admission: Admission, known: Mapping[Speaker, KnownVoice]) -> Record:
    """The source's voice, where its record is in sight, and what became of what it submitted."""
    rows = selectors.admissions(principal, state=None).filter(source_key=admission.source_key)
    counts = dict(rows.order_by().values_list("state").annotate(Count("id")))
    voice = known.get((bytes(admission.source_key), admission.principal_id)) if admission.principal_id else None
    return Record(voice, counts)


def _incident(principal: Principal, admission: Admission) -> tuple[Incident | None, int]:
    if admission.incident_id is None:
        return None, 0
    found = selectors.incidents(principal, state=None).filter(id=admission.incident_id).first()
    waiting = selectors.admissions(principal, state=Admission.State.HELD).filter(incident_id=admission.incident_id)
    return found, waiting.exclude(id=admission.id).count()

"""Lessons as they are kept: the text sealed under a key of its own, the rest authenticated. In the tenant's scope."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from foundation.kernel.canonical import canonical
from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.kernel.problems import Integrity
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.keyring.sealing import open_sealed, seal
from guard.lessons.grounds import Grounds, independent
from guard.lessons.pattern import Family, Pattern
from guard.lessons.wording import Body
from guard.models import Lesson, LessonEvidence, LessonVersion

LIFE = timedelta(days=90)
"""How long a lesson lives after it was made, or last hit."""
DETECTOR = "lessons-1"
"""Which rules distil and compare: raised when a pattern made by older ones would no longer fit the same paths."""
MARK = 8
"""Bytes of one mark in `LessonEvidence.marks`."""
State = LessonEvidence.State


def draft(
    *,
    space_id: UUID,
    labels: Iterable[str],
    origin: Lesson.Origin,
    family: Family,
    pattern: Pattern,
    at_writing: bool,
    by: UUID,
) -> Lesson:
    """A new candidate, not saved yet."""
    at = now()
    return Lesson(
        id=uuid7(),
        space_id=space_id,
        labels=sorted(set(labels)),
        state=Lesson.State.CANDIDATE,
        origin=origin,
        family=family.value,
        shape=pattern.shape.value if pattern.shape else "",
        effect=pattern.effect.value,
        pattern=pattern.to_json(),
        at_writing=at_writing,
        detector=DETECTOR,
        expires_at=at + LIFE,
        created_by=by,
        created_at=at,
    )


def sealed_version(lesson: Lesson, number: int, body: Body, by: UUID) -> LessonVersion:
    """A new text of the lesson, its key durable in the keyring. Outside any transaction."""
    version = LessonVersion(id=uuid7(), lesson_id=lesson.id, number=number, principal_id=by, created_at=now())
    secret = keys.create("version", id=version.id, shard_of=lesson.id).secret
    version.sealed = seal(secret, _place(lesson, version), json.dumps(body.to_dict(), ensure_ascii=False).encode())
    return version


def bodies(lessons: Sequence[Lesson]) -> dict[UUID, Body]:
    """The present texts, by lesson; what was erased meanwhile is left out. Raises `Integrity`."""
    versions = current_versions(lessons)
    secrets = keys.open_many([version.id for version in versions.values()])
    return {
        lesson.id: _open(lesson, versions[lesson.id], secrets[versions[lesson.id].id])
        for lesson in lessons
        if lesson.id in versions and versions[lesson.id].id in secrets
    }


def current_versions(lessons: Sequence[Lesson]) -> dict[UUID, LessonVersion]:
    """The rows of the present texts, by lesson (inside a transaction, or opening one)."""
    numbers = {lesson.id: lesson.version for lesson in lessons}
    with tenant_transaction():
        rows = list(LessonVersion.objects.filter(lesson_id__in=list(numbers)))
    return {row.lesson_id: row for row in rows if row.number == numbers[row.lesson_id]}


def change(lesson: Lesson, **fields: Any) -> None:
    """Save a changed lesson under a new revision. The row is locked."""
    for name, value in fields.items():
        setattr(lesson, name, value)
    lesson.rev += 1
    lesson.mac = stamp(lesson)
    lesson.save(force_update=True)


def add(lesson: Lesson, version: LessonVersion) -> None:
    lesson.mac = stamp(lesson)
    lesson.save(force_insert=True)
    version.save(force_insert=True)


def verify(lessons: Iterable[Lesson]) -> None:
    """Raises `Integrity` unless each lesson is the one that was written."""
    for lesson in lessons:
        if not hmac.compare_digest(stamp(lesson), bytes(lesson.mac)):
            raise Integrity


def stamp(lesson: Lesson) -> bytes:
    """HMAC-SHA256, cut to 16 bytes, of all that decides where a lesson counts; what only counts hits is not in it."""
    words = (lesson.state, lesson.origin, lesson.family, lesson.shape, lesson.effect, lesson.detector, lesson.replayed)
    ids = (lesson.tenant_id, lesson.id, lesson.space_id, lesson.created_by)
    numbers = [lesson.version, lesson.rev, lesson.promoted, round(lesson.expires_at.timestamp() * 1000)]
    told = [*map(str, ids), *map(str, words), *numbers, sorted(lesson.labels), lesson.pattern, lesson.at_writing]
    return hmac.digest(keys.named("integrity"), canonical(["lesson", *told]), hashlib.sha256)[:16]


def pattern_of(lesson: Lesson | LessonEvidence) -> Pattern:
    return Pattern.from_json(lesson.pattern)


def grounds_of(lesson: Lesson) -> Grounds:
    """What the lesson rests on now (inside a transaction). An outcome has no witnesses: only people's word counts."""
    rows = list(LessonEvidence.objects.filter(lesson_id=lesson.id).values_list("state", "marks"))
    seen = [marks_in(bytes(marks)) for state, marks in rows if state in (State.COUNTED, State.CONFIRMED)]
    states = [state for state, _ in rows]
    confirmed = lesson.promoted + states.count(State.CONFIRMED)
    witnesses = independent([marks for marks in seen if marks]) if lesson.origin == Lesson.Origin.DETECTION else 0
    return Grounds(witnesses, confirmed, states.count(State.REFUTED))


def marks_in(data: bytes) -> frozenset[bytes]:
    return frozenset(data[at : at + MARK] for at in range(0, len(data), MARK))


def seal_reason(lesson: Lesson, secret: bytes, reason: str) -> bytes:
    """Why a lesson was retired, under the key of its present text."""
    return seal(secret, f"guard_lesson:{lesson.id}:reason".encode(), reason.encode())


def _open(lesson: Lesson, version: LessonVersion, secret: bytes) -> Body:
    return Body(**json.loads(open_sealed(secret, _place(lesson, version), bytes(version.sealed))))


def _place(lesson: Lesson, version: LessonVersion) -> bytes:
    ids = (lesson.tenant_id, lesson.space_id, lesson.id, version.id)
    return canonical(["lesson", *map(str, ids), version.number])

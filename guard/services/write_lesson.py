"""Write a lesson by hand: a candidate, until someone promotes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.principal import Principal
from foundation.kernel.scope import tenant_transaction
from foundation.rest import idempotency
from guard.lessons import store
from guard.lessons.pattern import Family
from guard.lessons.port import Witness, records
from guard.lessons.terms import Told, cited, cleared, labels_of, pattern_from
from guard.lessons.wording import Body
from guard.models import Lesson, LessonEvidence
from guard.types import Ref
from tenants.roles import POLICY


@dataclass(frozen=True, slots=True)
class Written:
    """A lesson, what it says, and the receipt of the act."""

    lesson: Lesson
    body: Body
    receipt: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Teaching:
    """What someone teaches: a text, what came of it, and the records that show it."""

    space_id: UUID
    body: Body
    outcome: Family
    pattern: Told | None = None
    evidence: tuple[Ref, ...] = ()
    labels: tuple[str, ...] = ()


def write_lesson(principal: Principal, *, teaching: Teaching) -> Written:
    """A candidate lesson. Raises `NotFound` for the space, `Validation` for evidence that cannot be read there or a
    text that gives orders, `Unavailable` while the PII pass does not answer."""
    records().pii_policy(principal, teaching.space_id, Act.LESSON_WRITE)
    witnesses = cited(principal, teaching.space_id, teaching.evidence)
    body = cleared(teaching.body)
    lesson = _lesson(principal, teaching, witnesses)
    version = store.sealed_version(lesson, 1, body, principal.id)
    with tenant_transaction():
        store.add(lesson, version)
        LessonEvidence.objects.bulk_create(_evidence(lesson, witnesses))
        target = Target("lesson", lesson.id, lesson.version)
        event = record(principal, Act.LESSON_WRITE, target=target, outcome="candidate", policy=POLICY)
        idempotency.complete(lesson.id, 201)
    return Written(lesson, body, receipt(event))


def _lesson(principal: Principal, teaching: Teaching, witnesses: Sequence[Witness]) -> Lesson:
    pattern = pattern_from(teaching.pattern, [witness.path for witness in witnesses], teaching.outcome)
    guards = teaching.outcome is Family.FAILURE and teaching.pattern is not None and not pattern.empty
    return store.draft(
        space_id=teaching.space_id,
        labels=labels_of(teaching.labels, witnesses),
        origin=Lesson.Origin.OUTCOME,
        family=teaching.outcome,
        pattern=pattern,
        at_writing=guards,
        by=principal.id,
    )


def _evidence(lesson: Lesson, witnesses: Sequence[Witness]) -> list[LessonEvidence]:
    return [
        LessonEvidence(
            lesson_id=lesson.id,
            state=LessonEvidence.State.CITED,
            space_id=lesson.space_id,
            labels=sorted(witness.labels),
            family=lesson.family,
            memcube_id=witness.ref[0],
            version=witness.ref[1],
            subject_ids=list(witness.subjects),
        )
        for witness in witnesses
    ]

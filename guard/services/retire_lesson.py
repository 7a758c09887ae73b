"""Retire a lesson: out of use at once; deleted, its text is destroyed too."""

from __future__ import annotations

from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal
from foundation.kernel.problems import AlreadyDecided, Erased
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.rest import idempotency
from foundation.rest.etags import etag, require_match
from guard.lessons import store
from guard.lessons.erasing import ERASE
from guard.lessons.indexing import unindex
from guard.lessons.reading import reach_lesson
from guard.models import Lesson
from guard.services.write_lesson import Written
from tenants.policy import may
from tenants.roles import POLICY


def retire_lesson(principal: Principal, *, lesson_id: UUID, reason: str) -> Written:
    """The retired lesson; its reason is sealed beside it. Raises `NotFound`, `AlreadyDecided`."""
    may(principal, Act.LESSON_RETIRE)
    with tenant_transaction():
        lesson = reach_lesson(principal, lesson_id)
    sealed = _seal(lesson, reason)
    with tenant_transaction():
        lesson = reach_lesson(principal, lesson_id, lock=True)
        if lesson.state == Lesson.State.RETIRED:
            raise AlreadyDecided("The lesson is retired.")
        store.change(lesson, state=Lesson.State.RETIRED, sealed_reason=sealed)
        unindex([lesson])
        event = record(principal, Act.LESSON_RETIRE, target=_target(lesson), outcome="retired", policy=POLICY)
        idempotency.complete(lesson.id, 200)
    return _written(lesson, receipt(event))


def delete_lesson(principal: Principal, *, lesson_id: UUID, if_match: str) -> Written:
    """The lesson as it stood: out of use now, its key and rows destroyed by the worker. Raises `NotFound`,
    `VersionConflict`."""
    may(principal, Act.LESSON_RETIRE)
    with tenant_transaction():
        lesson = reach_lesson(principal, lesson_id, lock=True)
        require_match(if_match, etag(lesson.version, lesson.rev))
        store.change(lesson, state=Lesson.State.RETIRED)
        unindex([lesson])
        enqueue(ERASE, {"id": str(lesson.id)}, queue="forget")
        event = record(principal, Act.LESSON_RETIRE, target=_target(lesson), outcome="deleted", policy=POLICY)
    return _written(lesson, receipt(event))


def _seal(lesson: Lesson, reason: str) -> bytes:
    versions = store.current_versions([lesson])
    if lesson.id not in versions:
        raise Erased
    return store.seal_reason(lesson, keys.open_one(versions[lesson.id].id), reason)


def _target(lesson: Lesson) -> Target:
    return Target("lesson", lesson.id, lesson.version)


def _written(lesson: Lesson, told: dict[str, object]) -> Written:
    found = store.bodies([lesson])
    if lesson.id not in found:
        raise Erased
    return Written(lesson, found[lesson.id], told)

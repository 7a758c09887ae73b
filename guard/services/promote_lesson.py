"""Promote a lesson: a person's word for it. It acts once its replay over benign records, in the worker, agrees."""

from __future__ import annotations

from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal
from foundation.kernel.problems import AlreadyDecided, Conflict, Erased
from foundation.kernel.scope import tenant_transaction
from foundation.rest import idempotency
from guard.lessons import store
from guard.lessons.grounds import Replayed
from guard.lessons.learn import REPLAY
from guard.lessons.reading import reach_lesson
from guard.models import Lesson
from guard.services.write_lesson import Written
from tenants.policy import may
from tenants.roles import POLICY


def promote_lesson(principal: Principal, *, lesson_id: UUID) -> Written:
    """The lesson, still a candidate: its replay is owed. Raises `NotFound`, `AlreadyDecided` for an active one,
    `Conflict` for one that is out of use."""
    may(principal, Act.LESSON_PROMOTE)
    with tenant_transaction():
        lesson = reach_lesson(principal, lesson_id, lock=True)
        if lesson.state == Lesson.State.ACTIVE:
            raise AlreadyDecided("The lesson is active.")
        if lesson.state != Lesson.State.CANDIDATE:
            raise Conflict("The lesson is out of use.")
        fields = {"promoted": lesson.promoted + 1, "replayed": Replayed.PENDING.value}
        store.change(lesson, **fields, expires_at=now() + store.LIFE)
        enqueue(REPLAY, {"id": str(lesson.id)})
        target = Target("lesson", lesson.id, lesson.version)
        event = record(principal, Act.LESSON_PROMOTE, target=target, policy=POLICY)
        idempotency.complete(lesson.id, 202)
    found = store.bodies([lesson])
    if lesson.id not in found:
        raise Erased
    return Written(lesson, found[lesson.id], receipt(event))

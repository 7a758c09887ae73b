"""Revise a lesson: a new version, a candidate again until someone promotes what it now says."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Conflict, Erased, VersionConflict
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.rest.etags import etag, require_match
from guard.lessons import store
from guard.lessons.grounds import Replayed
from guard.lessons.indexing import unindex
from guard.lessons.reading import reach_lesson
from guard.lessons.terms import Told, cleared
from guard.lessons.wording import Body
from guard.models import Lesson
from guard.services.write_lesson import Written
from tenants.policy import may
from tenants.roles import POLICY

LIVING = (Lesson.State.CANDIDATE, Lesson.State.ACTIVE)


def revise_lesson(
    principal: Principal, *, lesson_id: UUID, if_match: str, text: dict[str, str], pattern: Told | None
) -> Written:
    """The lesson's next version. `text`: those of title, when and advice that change; `pattern`: None leaves it.

    Raises `NotFound`, `VersionConflict`, `Conflict` for one that is retired or expired, and as `write_lesson`.
    """
    may(principal, Act.LESSON_WRITE)
    with tenant_transaction():
        lesson = _matching(principal, lesson_id, if_match)
    before = store.bodies([lesson]).get(lesson.id)
    if before is None:
        raise Erased
    body = cleared(Body(**(asdict(before) | text)))
    version = store.sealed_version(lesson, lesson.version + 1, body, principal.id)
    fields = _pattern(lesson, pattern)
    with tenant_transaction():
        lesson = _matching(principal, lesson_id, if_match)
        if lesson.version + 1 != version.number:
            raise VersionConflict
        fields |= {"version": version.number, "state": Lesson.State.CANDIDATE, "promoted": 0}
        store.change(lesson, **fields, replayed=Replayed.NONE.value, expires_at=now() + store.LIFE)
        unindex([lesson])
        version.save(force_insert=True)
        target = Target("lesson", lesson.id, lesson.version)
        event = record(principal, Act.LESSON_WRITE, target=target, outcome="revised", policy=POLICY)
    return Written(lesson, body, receipt(event))


def _matching(principal: Principal, lesson_id: UUID, if_match: str) -> Lesson:
    lesson = reach_lesson(principal, lesson_id, lock=True)
    require_match(if_match, etag(lesson.version, lesson.rev))
    if lesson.state not in LIVING:
        raise Conflict("The lesson is out of use.")
    return lesson


def _pattern(lesson: Lesson, told: Told | None) -> dict[str, Any]:
    if told is None:
        return {}
    pattern = told.pattern(keys.named("lookup"))
    guards = lesson.family != "success" and not pattern.empty
    shape = pattern.shape.value if pattern.shape else ""
    return {"pattern": pattern.to_json(), "effect": pattern.effect.value, "shape": shape, "at_writing": guards}

"""A lesson that rests on records which were rolled back goes out of use: what it said came from them.

What the guard learnt from holding or refusing a record stays: that the record was bad is what it says. Nothing is
destroyed here: a lesson is retired, and who wrote it can still be told why.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.principal import Principal
from foundation.kernel.rows import in_parts
from guard.lessons import store
from guard.lessons.indexing import unindex
from guard.lessons.learn import consider, lock
from guard.models import Lesson, LessonEvidence
from guard.types import Ref

CITED = LessonEvidence.State.CITED
GONE = (Lesson.State.RETIRED, Lesson.State.EXPIRED)


def resting_on(refs: Collection[Ref]) -> set[UUID]:
    """The lessons in use that would be retired with these versions (inside a transaction)."""
    dying = _dying(_evidence(refs))
    return set(Lesson.objects.filter(id__in=dying).exclude(state__in=GONE).values_list("id", flat=True))


def retire_resting_on(principal: Principal, refs: Collection[Ref]) -> int:
    """Retire them, and take what these versions taught out of the lessons that other records still show; returns how
    many were retired. May be repeated (inside a transaction)."""
    evidence = _evidence(refs)
    dying = resting_on(refs)
    for lesson_id in sorted(dying):
        _retire(principal, lesson_id)
    shared = [row for row in evidence if row.lesson_id and row.lesson_id not in dying]
    _take_out(shared)
    return len(dying)


def _evidence(refs: Collection[Ref]) -> list[LessonEvidence]:
    """What cites the versions, or was learnt from acting on them; not what was learnt from judging them."""
    wanted = set(refs)
    found: list[LessonEvidence] = []
    for part in in_parts({cube_id for cube_id, _ in wanted}):
        rows = LessonEvidence.objects.filter(memcube_id__in=part, admission_id=None)
        found += [row for row in rows if (row.memcube_id, row.version) in wanted]
    return found


def _dying(evidence: Sequence[LessonEvidence]) -> set[UUID]:
    """Those of which no other evidence is left, or whose text a person wrote after one of the records."""
    ids = {row.lesson_id for row in evidence if row.lesson_id}
    left = LessonEvidence.objects.filter(lesson_id__in=ids).exclude(id__in=[row.id for row in evidence])
    alive = set(left.values_list("lesson_id", flat=True))
    return (ids - alive) | {row.lesson_id for row in evidence if row.lesson_id and row.state == CITED}


def _retire(principal: Principal, lesson_id: UUID) -> None:
    lesson = lock(lesson_id)
    if lesson is None or lesson.state in GONE:
        return
    store.change(lesson, state=Lesson.State.RETIRED)
    unindex([lesson])
    target = Target("lesson", lesson.id, lesson.version)
    record(principal, Act.LESSON_RETIRE, target=target, outcome="rolled-back")


def _take_out(evidence: Sequence[LessonEvidence]) -> None:
    """Let lessons that stay count these records no more."""
    LessonEvidence.objects.filter(id__in=[row.id for row in evidence]).delete()
    for lesson_id in sorted({row.lesson_id for row in evidence if row.lesson_id}):
        if lesson := lock(lesson_id):
            consider(lesson)

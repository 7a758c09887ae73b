"""A lesson dies with its evidence: what it said was derived from it. The worker's, with the eraser's credentials.

A lesson made by rule stays while evidence is left, and keeps of its pattern what that evidence still shows; a text that
a person wrote after several records cannot be taken apart, so it goes with the first of them. Safe to repeat.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from audit.acts import Act
from audit.services.record import record
from foundation.kernel.principal import Principal
from foundation.kernel.scope import current_tenant, tenant_transaction
from foundation.keyring import keys
from guard.lessons import store
from guard.lessons.grounds import Replayed
from guard.lessons.indexing import unindex
from guard.lessons.learn import consider, lock, tell
from guard.lessons.pattern import FEWEST_GRAMS, Pattern
from guard.lessons.store import pattern_of
from guard.models import Lesson, LessonEvidence, LessonVersion

ERASE = "lesson.erase"
Evidence, CITED = LessonEvidence, LessonEvidence.State.CITED


def doomed_by(memcube_ids: Collection[UUID], subject_id: UUID | None = None) -> set[UUID]:
    """The lessons that would die with these records, or with this person (inside a transaction)."""
    return _dying(_touched(memcube_ids, subject_id, ()))


def forget(memcube_ids: Collection[UUID], subject_id: UUID | None = None, *, spare: Collection[UUID] = ()) -> int:
    """Forget what was learnt from these records and about this person; returns how many lessons died.

    `spare`: records that stay for now (under a hold, or until a deadline), so what they taught stays too.
    """
    with tenant_transaction():
        touched = list(_touched(memcube_ids, subject_id, spare))
        dying, ids = _dying(touched), [row.id for row in touched]
        if not ids:
            return 0
        survivors = {row.lesson_id for row in touched if row.lesson_id} - dying
        Evidence.objects.filter(id__in=ids).exclude(lesson_id__in=dying).delete()
        for lesson_id in sorted(survivors):
            _shrink(lesson_id, dying)
    erase(sorted(dying))
    return len(dying)


def erase(ids: Sequence[UUID]) -> None:
    """Take lessons out of use, destroy the keys of their texts, then their rows."""
    with tenant_transaction():
        lessons = [lesson for each in ids if (lesson := lock(each))]
        for lesson in lessons:
            if lesson.state != Lesson.State.RETIRED:
                store.change(lesson, state=Lesson.State.RETIRED)
        unindex(lessons)
        key_ids = list(LessonVersion.objects.filter(lesson_id__in=list(ids)).values_list("id", flat=True))
    if lessons:
        _destroy(key_ids)
        _purge(lessons)


def _touched(memcube_ids: Collection[UUID], subject_id: UUID | None, spare: Collection[UUID]) -> QuerySet[Any]:
    about = Q(memcube_id__in=list(memcube_ids))
    if subject_id:
        about |= Q(subject_ids__contains=[subject_id]) & (Q(memcube_id=None) | ~Q(memcube_id__in=list(spare)))
    return Evidence.objects.filter(about)


def _dying(touched: Collection[LessonEvidence] | QuerySet[Any]) -> set[UUID]:
    rows = list(touched)
    ids = {row.lesson_id for row in rows if row.lesson_id}
    left = Evidence.objects.filter(lesson_id__in=ids).exclude(id__in=[row.id for row in rows])
    alive = set(left.values_list("lesson_id", flat=True))
    return (ids - alive) | {row.lesson_id for row in rows if row.lesson_id and row.state == CITED}


def _shrink(lesson_id: UUID, dying: set[UUID]) -> None:
    """Keep of a pattern what the evidence that is left still shows; if that is too little, the lesson dies too."""
    lesson = lock(lesson_id)
    if lesson is None:
        return
    pattern = pattern_of(lesson)
    left = [pattern_of(row) for row in Evidence.objects.filter(lesson_id=lesson_id)]
    kept = _still_shown(pattern, left)
    if pattern.grams and len(kept.grams) < FEWEST_GRAMS:
        dying.add(lesson_id)
        return
    if kept != pattern:
        store.change(lesson, pattern=kept.to_json(), replayed=Replayed.NONE.value)
    consider(lesson)


def _still_shown(pattern: Pattern, left: Sequence[Pattern]) -> Pattern:
    shown = {gram for each in left for gram in each.grams}
    return Pattern.from_json(pattern.to_json() | {"grams": [gram for gram in pattern.grams if gram in shown]})


def _destroy(key_ids: Sequence[UUID]) -> None:
    """Keys live in a database of their own: an event before, the act, an event after."""
    _tell_destruction("intended", {"keys": len(key_ids)})
    destruction = keys.destroy(key_ids)
    shards = [[each.shard, each.old_epoch, each.new_epoch] for each in destruction.shards]
    _tell_destruction("done", {"keys": len(key_ids), "assurance": str(destruction.assurance), "shards": shards})


def _tell_destruction(outcome: str, detail: dict[str, Any]) -> None:
    with tenant_transaction():
        record(Principal.system(current_tenant()), Act.KEY_DESTROY, outcome=outcome, detail=detail)


def _purge(lessons: Sequence[Lesson]) -> None:
    ids = [lesson.id for lesson in lessons]
    with tenant_transaction(using="eraser"):
        LessonEvidence.objects.filter(lesson_id__in=ids).delete()
        LessonVersion.objects.filter(lesson_id__in=ids).delete()
        Lesson.objects.filter(id__in=ids).delete()
    with tenant_transaction():
        for lesson in lessons:
            tell(Act.LESSON_ERASE, lesson)

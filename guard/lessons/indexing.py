"""Lessons in an index collection of their own: only active ones, and no plan of a memory search ever looks there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from foundation.kernel.scope import tenant_transaction
from foundation.search import index
from foundation.search.engine import engine
from foundation.search.port import Collection, Key
from guard.lessons import store
from guard.lessons.wording import Body
from guard.models import Lesson

INDEX = "lesson.index"


def reindex(ids: Sequence[UUID]) -> None:
    """Put the present text of those that are active and take out the rest. Idempotent; outside any transaction."""
    with tenant_transaction():
        lessons = list(Lesson.objects.filter(id__in=list(ids)))
        store.verify(lessons)
    active = [lesson for lesson in lessons if lesson.state == Lesson.State.ACTIVE]
    documents = index.documents(list(_entries(active)))
    with tenant_transaction():
        unindex([lesson for lesson in lessons if lesson not in active])
        engine().remove([key for lesson in active for key in _keys(lesson, lesson.version)])
        engine().put(documents)


def unindex(lessons: Iterable[Lesson]) -> None:
    """Take lessons out at once, in the open transaction. Call it with the revision that takes them out of use."""
    if keys := [key for lesson in lessons for key in _keys(lesson, lesson.version + 1)]:
        engine().remove(keys)


def entries() -> Iterator[index.Entry]:
    """Every active lesson, for an index that is rebuilt (inside a transaction)."""
    active = list(Lesson.objects.filter(state=Lesson.State.ACTIVE).order_by("id"))
    store.verify(active)
    yield from _entries(active)


def _keys(lesson: Lesson, below: int) -> list[Key]:
    return [Key(Collection.LESSON, lesson.id, number, lesson.rev) for number in range(1, below)]


def _entries(lessons: Sequence[Lesson]) -> Iterator[index.Entry]:
    bodies = store.bodies(lessons)
    return (_entry(lesson, bodies[lesson.id]) for lesson in lessons if lesson.id in bodies)


def _entry(lesson: Lesson, body: Body) -> index.Entry:
    return index.Entry(
        collection=Collection.LESSON,
        space_id=lesson.space_id,
        id=lesson.id,
        version=lesson.version,
        rev=lesson.rev,
        state=lesson.state,
        kind=lesson.family,
        text=body.searched(),
        recorded_at=lesson.created_at,
        labels=lesson.labels,
        expires_at=lesson.expires_at,
    )

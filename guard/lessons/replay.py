"""Try candidates on the tenant's benign records before they act: the worker's. Safe to repeat.

A pattern that flags more than half a per cent of them is refused. Of one that passes, the runs that any benign record
has are dropped: what is left is what only the attack said, so whoever imitates benign records teaches nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings

from audit.acts import Act
from foundation.kernel.clock import now
from foundation.kernel.outbox import enqueue
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from guard.lessons import store
from guard.lessons.grounds import Replay, Replayed
from guard.lessons.indexing import INDEX
from guard.lessons.learn import lock, tell
from guard.lessons.pattern import FEWEST_GRAMS, Pattern, fit, view, without
from guard.lessons.port import records
from guard.lessons.store import pattern_of
from guard.models import Lesson


def replay(ids: Sequence[UUID]) -> None:
    """Try each of the candidates, and activate those that may act."""
    key = keys.named("lookup")
    benign = [view(path, key) for path in records().benign()]
    for lesson_id in ids:
        _try(lesson_id, benign)


def tried(pattern: Pattern, benign: Sequence[Pattern]) -> tuple[Replayed, Pattern, Replay]:
    """What the replay says of a pattern, and what is left of it. Pure."""
    counts = Replay(len(benign), sum(fit(pattern, each) is not None for each in benign))
    if counts.state is Replayed.REFUSED or not pattern.grams:
        return counts.state, pattern, counts
    left = without(pattern, (gram for each in benign for gram in each.grams))
    return (counts.state if len(left.grams) >= FEWEST_GRAMS else Replayed.REFUSED), left, counts


def _try(lesson_id: UUID, benign: Sequence[Pattern]) -> None:
    with tenant_transaction():
        lesson = lock(lesson_id)
        if lesson is None or lesson.state != Lesson.State.CANDIDATE:
            return
        store.verify([lesson])
        state = _note(lesson, benign) if lesson.at_writing else _spared(lesson)
        if store.grounds_of(lesson).may_act(state) and not full():
            _activate(lesson)


def _note(lesson: Lesson, benign: Sequence[Pattern]) -> Replayed:
    state, left, counts = tried(pattern_of(lesson), benign)
    fields = {"replayed": state.value, "replay_records": counts.records, "replay_flagged": counts.flagged}
    kept = left.to_json() if state is not Replayed.REFUSED else lesson.pattern
    store.change(lesson, pattern=kept, replayed_at=now(), **fields)
    return state


def _spared(lesson: Lesson) -> Replayed:
    """What is never compared with candidates can flag nothing: only people's word decides."""
    store.change(lesson, replayed=Replayed.NONE.value, replayed_at=now())
    return Replayed.PASSED


def full() -> bool:
    """Whether the tenant has as many active lessons as it may (inside a transaction)."""
    active: int = Lesson.objects.filter(state=Lesson.State.ACTIVE).count()
    return active >= settings.LESSON_CAP


def _activate(lesson: Lesson) -> None:
    store.change(lesson, state=Lesson.State.ACTIVE, expires_at=now() + store.LIFE)
    detail = {"records": lesson.replay_records, "flagged": lesson.replay_flagged}
    tell(Act.LESSON_ACTIVATE, lesson, detail=detail)
    enqueue(INDEX, {"id": str(lesson.id)})

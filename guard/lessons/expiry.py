"""What falls due by time: lessons run out, candidates that waited are tried again, what is of no use goes."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q

from audit.acts import Act
from foundation.kernel.clock import now
from foundation.kernel.outbox import enqueue
from foundation.kernel.scope import tenant_transaction
from guard.lessons import store
from guard.lessons.erasing import erase
from guard.lessons.grounds import Replayed
from guard.lessons.indexing import unindex
from guard.lessons.learn import REPLAY, tell
from guard.models import Lesson

KEPT_FOR = timedelta(days=90)
"""How long a lesson that is out of use can still be read by those who decide."""
AGAIN = timedelta(hours=24)
STATE = Lesson.State


def upkeep() -> None:
    """One round for the tenant in scope."""
    expire()
    retry()
    purge()


def expire() -> int:
    """End the lessons whose time has come; returns how many."""
    with tenant_transaction():
        living = Lesson.objects.select_for_update().filter(state__in=(STATE.CANDIDATE, STATE.ACTIVE))
        over = list(living.filter(expires_at__lte=now()))
        for lesson in over:
            store.change(lesson, state=STATE.EXPIRED)
            tell(Act.LESSON_RETIRE, lesson, outcome="expired")
        unindex(over)
    return len(over)


def retry() -> int:
    """Try again, once a day, what was tried on too few benign records or found no room; returns how many."""
    with tenant_transaction():
        day_ago, tried = now() - AGAIN, (Replayed.THIN, Replayed.PASSED)
        stuck = Q(replayed=Replayed.PENDING, created_at__lte=day_ago)
        waiting = Lesson.objects.filter(Q(replayed__in=tried, replayed_at__lte=day_ago) | stuck, state=STATE.CANDIDATE)
        ids = list(waiting.order_by("id").values_list("id", flat=True))
        if ids:
            enqueue(REPLAY, {"ids": [str(each) for each in ids]})
    return len(ids)


def purge() -> int:
    """Destroy what has long been out of use; returns how many. Needs the eraser's credentials."""
    with tenant_transaction():
        gone = Lesson.objects.filter(state__in=(STATE.EXPIRED, STATE.RETIRED), expires_at__lte=now() - KEPT_FOR)
        ids = list(gone.values_list("id", flat=True))
    if ids:
        erase(ids)
    return len(ids)

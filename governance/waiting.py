"""What was held only because a part was away: it is owed a second judgement, and nobody need review it meanwhile."""

from collections.abc import Sequence
from datetime import timedelta

from foundation.kernel.clock import now
from foundation.kernel.outbox import Queue, enqueue_many
from governance.models import Admission
from guard.decision import decide
from guard.pii.port import Reason
from guard.replay import NOT_EMBEDDED, NOT_JUDGED, UNSEEN
from guard.types import Decision

JUDGE_AGAIN = "guard.rejudge"
AWAY = frozenset({NOT_EMBEDDED, UNSEEN, Reason.BUSY.value, Reason.MODEL.value})
"""A part was away for everybody. It is waited for, and what waits is in nobody's way."""
PERHAPS_THE_TEXT = frozenset({NOT_JUDGED, Reason.TIMEOUT.value, Reason.CRASH.value})
"""A part failed, and the text itself may be why: tried a few times, and counted among its writer's holds all the while,
so that nobody has the worker chew on what it cannot swallow."""
FIRST = timedelta(seconds=5)


def only_for_a_part(reasons: Sequence[str]) -> bool:
    """Whether nothing but the failure of a part speaks against what was judged so."""
    failed = (AWAY | PERHAPS_THE_TEXT).intersection(reasons)
    others = [each for each in reasons if each not in failed]
    return bool(failed) and decide(others) is Decision.ADMIT and not any(map(_is_for_good, others))


def is_in_nobodys_way(reasons: Sequence[str]) -> bool:
    """Whether it waits without being counted among its writer's holds."""
    return only_for_a_part(reasons) and not PERHAPS_THE_TEXT.intersection(reasons)


def owe_judgement(admissions: Sequence[tuple[Sequence[str], Admission]]) -> None:
    """Owe a second judgement of what was held with these reasons, where a part may be back (in the transaction that
    holds it)."""
    held = [each for reasons, each in admissions if each.state == Admission.State.HELD and only_for_a_part(reasons)]
    if held:
        refs = [{"admission": str(each.id), "version": str(each.version_id)} for each in held]
        enqueue_many(JUDGE_AGAIN, refs, due=now() + FIRST, queue=Queue.ADMISSION)


def _is_for_good(reason: str) -> bool:
    """What else the PII pass fails for (a language it does not know, a text too long) does not go away by waiting."""
    return reason.startswith("pii-")

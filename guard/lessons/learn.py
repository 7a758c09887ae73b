"""Make lessons of what was noted: the worker's, in the tenant's scope and outside any transaction. Safe to repeat."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import SYSTEM_ID, Principal
from foundation.kernel.scope import current_tenant, tenant_transaction
from guard.lessons import store
from guard.lessons.grounds import Grounds, Replayed, independent
from guard.lessons.indexing import unindex
from guard.lessons.pattern import FEWEST_GRAMS, Family, Pattern, fit, narrowed, same_kind, shared
from guard.lessons.store import MARK, marks_in, pattern_of
from guard.lessons.wording import wording
from guard.models import Lesson, LessonEvidence
from tenants.policy import ACL

REPLAY = "lesson.replay"
MOST_EVIDENCE = 64
"""Sightings kept of one lesson; later ones only renew it."""
MOST_CANDIDATES = 500
MOST_CANDIDATES_OF_ONE = 20
"""Candidates a tenant keeps in all, and of those that rest on one principal: so no one crowds out the others."""
AGAIN = timedelta(hours=1)
OUTCOMES = (Family.FAILURE, Family.SUCCESS)
Evidence, State = LessonEvidence, LessonEvidence.State


def learn(ids: Sequence[UUID]) -> None:
    """Join each noted sighting to the lesson it is another instance of, or make a candidate of it."""
    for evidence_id in ids:
        if not _joined(evidence_id):
            _make(evidence_id)


def review(admission_id: UUID, *, approved: bool) -> None:
    """Let a reviewer's decision speak for or against what was learnt from it."""
    with tenant_transaction():
        noted = list(Evidence.objects.filter(admission_id=admission_id, lesson_id=None).values_list("id", flat=True))
    learn(noted)
    with tenant_transaction():
        for row in Evidence.objects.filter(admission_id=admission_id).exclude(lesson_id=None):
            row.state = State.REFUTED if approved else State.CONFIRMED
            row.save(force_update=True)
            if lesson := lock(row.lesson_id):
                consider(lesson)


def lock(lesson_id: UUID) -> Lesson | None:
    found: Lesson | None = Lesson.objects.select_for_update().filter(id=lesson_id).first()
    return found


def consider(lesson: Lesson) -> None:
    """Have a candidate tried that has enough to stand on, and take an active lesson back that has no longer."""
    grounds = store.grounds_of(lesson)
    if lesson.state == Lesson.State.ACTIVE and not grounds.sufficient:
        unindex([lesson])
        store.change(lesson, state=Lesson.State.CANDIDATE)
        tell(Act.LESSON_RETIRE, lesson, outcome="refuted")
    elif lesson.state == Lesson.State.CANDIDATE and _worth_trying(lesson, grounds):
        store.change(lesson, replayed=Replayed.PENDING.value)
        enqueue(REPLAY, {"id": str(lesson.id)})


def tell(act: Act, lesson: Lesson, *, outcome: str = "ok", detail: dict[str, int] | None = None) -> None:
    """The platform's own act on a lesson, in the tenant's log."""
    target = Target("lesson", lesson.id, lesson.version)
    record(Principal.system(current_tenant()), act, target=target, outcome=outcome, detail=detail)


def acl(labels: Sequence[str]) -> frozenset[str]:
    """The labels that bound who may see; lessons of different bounds are never one."""
    return frozenset(label for label in labels if label.startswith(ACL))


def _worth_trying(lesson: Lesson, grounds: Grounds) -> bool:
    if not grounds.sufficient or lesson.replayed in (Replayed.PENDING, Replayed.REFUSED):
        return False
    lately = lesson.replayed_at is not None and now() - lesson.replayed_at < AGAIN
    return grounds.vouched or not lately


def _joined(evidence_id: UUID) -> bool:
    """Whether there is nothing left to make: the sighting was learnt from already, joined a lesson, or is one too many
    of its principal's."""
    with tenant_transaction():
        row = _noted(evidence_id)
        if row is None:
            return True
        if lesson := _alike(row):
            _join(lesson, row)
            return True
        if _crowds(row):
            row.delete(using="default")
            return True
        return False


def _noted(evidence_id: UUID) -> LessonEvidence | None:
    found: LessonEvidence | None = Evidence.objects.select_for_update().filter(id=evidence_id, lesson_id=None).first()
    return found


def _alike(row: LessonEvidence) -> Lesson | None:
    """The lesson this is another sighting of: an active one that fits, else the candidate with most in common."""
    seen, bounds = pattern_of(row), acl(row.labels)
    living = Lesson.objects.select_for_update().filter(space_id=row.space_id, family=row.family)
    living = living.filter(state__in=(Lesson.State.CANDIDATE, Lesson.State.ACTIVE), created_by=SYSTEM_ID)
    near = [each for each in living.exclude(replayed=Replayed.REFUSED).order_by("id") if acl(each.labels) == bounds]
    fitting = [each for each in near if each.state == Lesson.State.ACTIVE and fit(pattern_of(each), seen)]
    alike = [each for each in near if each.state == Lesson.State.CANDIDATE and same_kind(pattern_of(each), seen)]
    return next(iter(fitting), None) or max(alike, key=lambda each: len(shared(pattern_of(each), seen)), default=None)


def _join(lesson: Lesson, row: LessonEvidence) -> None:
    at = now()
    fields = {"hits": lesson.hits + 1, "last_hit_at": at, "expires_at": at + store.LIFE}
    labels = sorted({*lesson.labels, *row.labels})
    pattern = _after(lesson, row)
    if pattern != pattern_of(lesson):
        fields |= {"pattern": pattern.to_json(), "replayed": Replayed.NONE.value}
    _keep(lesson, row)
    store.change(lesson, labels=labels, **fields)
    consider(lesson)


def _after(lesson: Lesson, row: LessonEvidence) -> Pattern:
    """A candidate's pattern after another sighting: what recurs with another witness. He who repeats himself changes
    nothing, and neither does anyone once a person confirmed it."""
    pattern = pattern_of(lesson)
    if lesson.state != Lesson.State.CANDIDATE or store.grounds_of(lesson).confirmed or not pattern.grams:
        return pattern
    others = [marks_in(bytes(marks)) for marks in _rows(lesson).values_list("marks", flat=True)]
    mine = marks_in(bytes(row.marks))
    if independent([*others, mine]) == independent(others):
        return pattern
    narrow = narrowed(pattern, pattern_of(row))
    return narrow if len(narrow.grams) >= FEWEST_GRAMS else pattern


def _keep(lesson: Lesson, row: LessonEvidence) -> None:
    if _rows(lesson).count() >= MOST_EVIDENCE:
        row.delete(using="default")
        return
    row.lesson_id, row.state = lesson.id, State.COUNTED
    row.save(force_update=True)


def _rows(lesson: Lesson) -> QuerySet[LessonEvidence]:
    found: QuerySet[LessonEvidence] = Evidence.objects.filter(lesson_id=lesson.id)
    return found


def _crowds(row: LessonEvidence) -> bool:
    open_ = Lesson.objects.filter(state=Lesson.State.CANDIDATE, created_by=SYSTEM_ID)
    ids = list(open_.values_list("id", flat=True))
    if len(ids) >= MOST_CANDIDATES:
        return True
    principals = dict(Evidence.objects.filter(lesson_id__in=ids).values_list("lesson_id", "marks"))
    mine = bytes(row.marks)[:MARK]
    return sum(bytes(marks)[:MARK] == mine for marks in principals.values()) >= MOST_CANDIDATES_OF_ONE


def _make(evidence_id: UUID) -> None:
    with tenant_transaction():
        row = _noted(evidence_id)
    if row is None:
        return
    lesson = _candidate(row)
    pattern = pattern_of(row)
    body = wording(Family(row.family), pattern.shape, pattern.effect)
    version = store.sealed_version(lesson, 1, body, SYSTEM_ID)
    with tenant_transaction():
        row = _noted(evidence_id)
        if row is None:
            return
        store.add(lesson, version)
        row.lesson_id, row.state = lesson.id, State.COUNTED
        row.save(force_update=True)
        tell(Act.LESSON_LEARN, lesson, outcome="candidate")
        consider(lesson)


def _candidate(row: LessonEvidence) -> Lesson:
    family = Family(row.family)
    outcome = family in OUTCOMES
    return store.draft(
        space_id=row.space_id,
        labels=row.labels,
        origin=Lesson.Origin.OUTCOME if outcome else Lesson.Origin.DETECTION,
        family=family,
        pattern=pattern_of(row),
        at_writing=not outcome,
        by=SYSTEM_ID,
    )

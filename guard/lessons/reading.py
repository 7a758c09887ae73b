"""Which lessons a principal may be shown, and those that are compared with what it writes. In the tenant's scope."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from foundation.kernel.clock import now
from foundation.kernel.principal import Principal
from foundation.kernel.problems import NotFound
from foundation.kernel.rows import execute
from foundation.kernel.scope import current_tenant
from guard.lessons import store
from guard.lessons.matching import Known
from guard.models import Lesson, LessonVersion
from tenants.policy import ACL, acl_label, reachable_spaces
from tenants.roles import ACTS, CREDENTIAL_ROLES

ACL_LABELS = [f"{ACL}{role.value}" for role in CREDENTIAL_ROLES]
ACTIVE = Lesson.State.ACTIVE
MOST_VERIFIED = 20_000
_verified: dict[tuple[UUID, UUID, bytes], Known] = {}
"""Patterns this process has verified, by tenant, lesson and authenticator: hashes and closed words only."""
_AT_WRITING = """SELECT id, mac FROM guard_lesson
WHERE tenant_id = %(tenant)s AND state = 'active' AND at_writing AND expires_at > %(now)s
AND (%(spaces)s::uuid[] IS NULL OR space_id = ANY(%(spaces)s::uuid[]))
AND (%(mine)s::text IS NULL OR %(mine)s::text = ANY(labels) OR NOT labels::text[] && %(acl)s::text[])
ORDER BY id"""


def within_reach(principal: Principal) -> QuerySet[Any]:
    """The lessons of the spaces and labels the principal reaches, whatever their state (inside a transaction)."""
    found, spaces, mine = Lesson.objects.all(), reachable_spaces(principal), acl_label(principal)
    if spaces is not None:
        found = found.filter(space_id__in=spaces)
    return found if mine is None else found.filter(Q(labels__contains=[mine]) | ~Q(labels__overlap=ACL_LABELS))


def shown_to(principal: Principal) -> QuerySet[Any]:
    """What a principal may read: active lessons; those who write lessons see every one."""
    found = within_reach(principal)
    return found if principal.role in ACTS["lesson.write"] else found.filter(state=ACTIVE, expires_at__gt=now())


def reach_lesson(principal: Principal, lesson_id: UUID, *, lock: bool = False) -> Lesson:
    """One lesson the principal may read; raises `NotFound`, `Integrity`. Inside a transaction."""
    found = shown_to(principal).filter(id=lesson_id)
    lesson: Lesson | None = (found.select_for_update() if lock else found).first()
    if lesson is None:
        raise NotFound
    store.verify([lesson])
    return lesson


def active(principal: Principal, space_id: UUID | None = None) -> list[Lesson]:
    """The active lessons within reach, one query, each verified (inside a transaction)."""
    found = within_reach(principal).filter(state=ACTIVE, expires_at__gt=now())
    lessons = list(found if space_id is None else found.filter(space_id=space_id))
    store.verify(lessons)
    return lessons


def at_writing(principal: Principal) -> tuple[Known, ...]:
    """The patterns that what this principal writes is compared with (inside a transaction).

    One small query, and a second for those that this process has not verified yet: the authenticator names the very
    content that was verified, so a lesson that changed in any way is read and verified anew.
    """
    spaces, mine, tenant = reachable_spaces(principal), acl_label(principal), current_tenant()
    reach = {"spaces": None if spaces is None else list(spaces), "mine": mine, "acl": ACL_LABELS}
    living = execute(_AT_WRITING, {"tenant": tenant, "now": now(), **reach})
    names = [(tenant, lesson_id, bytes(mac)) for lesson_id, mac in living]
    if unknown := [lesson_id for tenant, lesson_id, mac in names if (tenant, lesson_id, mac) not in _verified]:
        _learn_anew(unknown)
    found = (_verified.get(name) for name in names)
    return tuple(each for each in found if each is not None)


def known(lessons: Iterable[Lesson]) -> tuple[Known, ...]:
    return tuple(Known(lesson.id, lesson.version, store.pattern_of(lesson)) for lesson in lessons)


def _learn_anew(ids: Sequence[UUID]) -> None:
    rows = list(Lesson.objects.filter(id__in=ids, state=ACTIVE))
    store.verify(rows)
    if len(_verified) > MOST_VERIFIED:
        _verified.clear()
    for row, each in zip(rows, known(rows), strict=True):
        _verified[row.tenant_id, row.id, bytes(row.mac)] = each


def lesson_keys(ids: Collection[UUID]) -> set[UUID]:
    """Those of `ids` that are keys of lessons' texts (inside a transaction): what a sweep of keys must leave."""
    return set(LessonVersion.objects.filter(id__in=list(ids)).values_list("id", flat=True))

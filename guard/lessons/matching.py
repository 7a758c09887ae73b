"""Which lessons a path fits. Pure: equal path, lessons and key always give equal matches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from guard.lessons.pattern import Fit, Pattern, fit, view
from guard.types import Effect, LessonMatch, Path

GRAVE = (Effect.DELETE, Effect.EXFIL)
MOST = 8


@dataclass(frozen=True, slots=True)
class Known:
    """An active lesson as it is compared."""

    id: UUID
    version: int
    pattern: Pattern


def matches(path: Path, lessons: Iterable[Known], key: bytes) -> tuple[LessonMatch, ...]:
    """The lessons a candidate's path fits, surest first, at most eight. `key`: the tenant's look-up key.

    Without lessons nothing is computed.
    """
    known = tuple(lessons)
    if not known:
        return ()
    seen = view(path, key)
    return surest((each, found) for each in known if (found := fit(each.pattern, seen)))


def advice(seen: Pattern, lessons: Iterable[Known]) -> tuple[LessonMatch, ...]:
    """As `matches`, for a plan: here a grave effect alone is reason enough to be reminded."""
    return surest((each, found) for each in lessons if (found := fit(each.pattern, seen) or _same_effect(each, seen)))


def surest(found: Iterable[tuple[Known, Fit]]) -> tuple[LessonMatch, ...]:
    told = [LessonMatch(known.id, known.version, fits.match, fits.confidence) for known, fits in found]
    return tuple(sorted(told, key=lambda each: (-each.confidence, each.id))[:MOST])


def _same_effect(known: Known, seen: Pattern) -> Fit | None:
    grave = seen.effect in GRAVE and known.pattern.effect is seen.effect
    return Fit("effect", 0.6) if grave else None

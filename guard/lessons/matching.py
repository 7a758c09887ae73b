"""Which lessons a path fits. Pure: equal path, lessons and key always give equal matches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from guard.lessons.pattern import FEWEST_GRAMS, Fit, Pattern, fit, view
from guard.types import Effect, LessonMatch, Path

GRAVE = (Effect.DELETE, Effect.EXFIL)
MOST = 8


@dataclass(frozen=True, slots=True)
class Known:
    """An active lesson as it is compared. `runs` is its pattern's, as a set."""

    id: UUID
    version: int
    pattern: Pattern
    runs: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "runs", frozenset(self.pattern.grams))

    def may_fit(self, runs: frozenset[str]) -> bool:
        """Whether it is worth comparing as a whole: most lessons have no run in common with a text."""
        return not self.runs or len(self.runs & runs) >= FEWEST_GRAMS


def matches(path: Path, lessons: Iterable[Known], key: bytes) -> tuple[LessonMatch, ...]:
    """The lessons a candidate's path fits, surest first, at most eight. `key`: the tenant's look-up key.

    Without lessons nothing is computed.
    """
    known = tuple(lessons)
    if not known:
        return ()
    seen = view(path, key)
    near = _near(known, seen)
    return surest((each, found) for each in near if (found := fit(each.pattern, seen)))


def advice(seen: Pattern, lessons: Iterable[Known]) -> tuple[LessonMatch, ...]:
    """As `matches`, for a plan: here a grave effect alone is reason enough to be reminded."""
    return surest((each, found) for each in lessons if (found := fit(each.pattern, seen) or _same_effect(each, seen)))


def _near(lessons: Iterable[Known], seen: Pattern) -> list[Known]:
    runs = frozenset(seen.grams)
    return [each for each in lessons if each.may_fit(runs)]


def surest(found: Iterable[tuple[Known, Fit]]) -> tuple[LessonMatch, ...]:
    told = [LessonMatch(known.id, known.version, fits.match, fits.confidence) for known, fits in found]
    return tuple(sorted(told, key=lambda each: (-each.confidence, each.id))[:MOST])


def _same_effect(known: Known, seen: Pattern) -> Fit | None:
    grave = seen.effect in GRAVE and known.pattern.effect is seen.effect
    return Fit("effect", 0.6) if grave else None

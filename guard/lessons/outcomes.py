"""Lessons from what came of an action: by template, from the path alone. A person decides whether they are heeded."""

from __future__ import annotations

from dataclasses import dataclass

from guard.lessons.pattern import Family, Pattern, outline
from guard.lessons.wording import Body, wording
from guard.types import Path


@dataclass(frozen=True, slots=True)
class Distilled:
    """What an outcome taught: a pattern, and our words for it."""

    family: Family
    pattern: Pattern
    body: Body


def distil(path: Path, *, success: bool, key: bytes) -> Distilled | None:
    """The lesson of an episode's outcome, or None where the episode did nothing. `intake.note_outcome` keeps it."""
    if not path.functions:
        return None
    family = Family.SUCCESS if success else Family.FAILURE
    pattern = outline(path, key)
    return Distilled(family, pattern, wording(family, pattern.shape, pattern.effect))

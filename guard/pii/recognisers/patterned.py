"""The base of the recognisers that need no model: patterns with a check, scored by what stands before them.

A score of 0.5 or more holds in both modes; below, only in strict, which is never gated. Patterns keep to bounded
repeats: the length cap and the process's limit are the second line, not the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from presidio_analyzer import EntityRecognizer, RecognizerResult

from guard.pii.entities import Entity

SURE, LIKELY, SUSPECTED = 0.95, 0.6, 0.3
LANGUAGE = "xx"  # our recognisers serve every language, so Presidio knows one
_CONTEXT = 60  # characters before a match in which its context words are looked for


@dataclass(frozen=True, slots=True)
class Pattern:
    """One shape of one entity.

    `group` is what counts as the value; `check` gets its letters and digits, upper case, and drops the match when it
    says no. `score` is without context words, `beside` with one of them in the 60 characters before. `needs` tells
    of the folded text, cheaply, whether the shape can be in it at all: it never says no to a text that has one.
    """

    entity: Entity
    regex: re.Pattern[str]
    score: float = SURE
    group: int | str = 0
    check: Callable[[str], bool] | None = None
    context: re.Pattern[str] | None = None
    beside: float = SURE
    needs: Callable[[str], bool] | None = None


def words(*alternatives: str) -> re.Pattern[str]:
    """Context words, whole, in any case."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(alternatives)})(?!\w)", re.IGNORECASE)


def holds(*literals: str) -> Callable[[str], bool]:
    """Whether a folded text has one of these, anywhere: what every match of a pattern must contain."""
    folded_literals = tuple(folded(literal) for literal in literals)
    return lambda text: any(literal in text for literal in folded_literals)


def digits(count: int) -> Callable[[str], bool]:
    """Whether a folded text has a number of so many digits, whatever stands between them other than letters."""
    return lambda text: _longest_number(text) >= count


@lru_cache(maxsize=16)
def _longest_number(text: str) -> int:
    return max((sum(map(str.isdecimal, number)) for number in _NUMBER.findall(text)), default=0)


_NUMBER = re.compile(r"\d(?:[\W_]{0,3}\d)*")


def folded(text: str) -> str:
    """As the patterns see it that ignore case: they take the dotless i for an i, and the dotted one too."""
    return text.casefold().replace("\u0131", "i").replace("\u0307", "")


def signs(value: str) -> str:
    return "".join(sign for sign in value if sign.isalnum()).upper()


def result(entity: Entity, start: int, end: int, score: float) -> RecognizerResult:
    return RecognizerResult(entity_type=entity.value, start=start, end=end, score=score)


class Patterned(EntityRecognizer):  # type: ignore[misc]
    """A Presidio recogniser over `Pattern`s."""

    def __init__(self, name: str, patterns: Iterable[Pattern]) -> None:
        self._patterns = tuple(patterns)
        entities = sorted({pattern.entity.value for pattern in self._patterns})
        super().__init__(supported_entities=entities, name=name, supported_language=LANGUAGE)

    def load(self) -> None:
        """Nothing to load."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any) -> list[RecognizerResult]:
        plain = folded(text)
        possible = [each for each in self._patterns if each.needs is None or each.needs(plain)]
        return [found for pattern in possible for found in matches(pattern, text)]


def matches(pattern: Pattern, text: str) -> Iterator[RecognizerResult]:
    for match in pattern.regex.finditer(text):
        start, end = match.span(pattern.group)
        if start < 0 or (pattern.check and not _checked(pattern.check, match[pattern.group])):
            continue
        yield result(pattern.entity, start, end, _score(pattern, text, start))


def _checked(check: Callable[[str], bool], value: str) -> bool:
    try:
        return check(signs(value))
    except (ValueError, KeyError, IndexError):  # signs from another alphabet
        return False


def _score(pattern: Pattern, text: str, start: int) -> float:
    if pattern.context and pattern.context.search(text, max(0, start - _CONTEXT), start):
        return pattern.beside
    return pattern.score

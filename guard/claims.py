"""Do two memories say the same, the opposite, or things that have nothing to do with each other?

Decided by rule from their paths. With the words of a question at hand (`about`) the values a question already names are
its topic, and what is left of the kind it asks for is the claim; without, shared values are the topic and the claims are
what differs.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from guard.types import Path, Shape, TypedValue, ValueKind
from guard.values import terms

_WHEN = re.compile(r"(?:^|,\s*)when\b|\bwhen\W*$|\b(what (?:\w+ )?(?:year|date|day|month|time)|which (?:year|date|day|month)|in what year)\b", re.IGNORECASE)
_COUNT = re.compile(r"\bhow (?:many|much|long|old|far|tall|high|big|large|often|deep|fast|wide|heavy)\b|\bwhat (?:percent|number|amount|age|price|cost)", re.IGNORECASE)
_NAME = re.compile(r"\b(who|whom|whose|where|which|what(?:'s| is| was)? (?:the )?(?:name|city|country|state|capital))\b", re.IGNORECASE)


class Relation(StrEnum):
    AGREE = "agree"
    CONFLICT = "conflict"
    UNRELATED = "unrelated"


@dataclass(frozen=True, slots=True)
class About:
    """A question as the claims see it: its words, and the kinds of value that can answer it (empty: any)."""

    words: frozenset[str] = frozenset()
    kinds: tuple[ValueKind, ...] = ()
    person: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    relation: Relation
    strength: float = 0.0


def about(query: str) -> About:
    words = frozenset(terms(query)) | frozenset(re.findall(r"\d[\w-]*", query))
    kinds = (
        (ValueKind.DATE,) if _WHEN.search(query) else (ValueKind.NUM,) if _COUNT.search(query) else (ValueKind.ENTITY,) if _NAME.search(query) else ()
    )
    return About(words, kinds, bool(re.search(r"\b(who|whom|whose)\b", query, re.IGNORECASE)))


@lru_cache(maxsize=8192)
def _words(text: str) -> frozenset[str]:
    return frozenset(terms(text)) | frozenset(re.findall(r"\d[\w-]*", text))


def claimed(path: Path, asked: About, kind: ValueKind) -> frozenset[TypedValue]:
    """Values of a kind that the question did not already name; of names, full ones where there are any."""
    found = {value for value in path.values if value.kind is kind and not _named(value, asked)}
    full = {value for value in found if " " in value.text}
    return frozenset(full if kind is ValueKind.ENTITY and asked.person and full else found)


def _named(value: TypedValue, asked: About) -> bool:
    words = _words(value.text)
    return 2 * len(words & asked.words) > len(words) if words else value.kind is ValueKind.ENTITY


def same(one: TypedValue, other: TypedValue) -> bool:
    if one.kind is not other.kind:
        return False
    if one.text == other.text:
        return True
    if one.kind is ValueKind.NUM:
        return _same_number(one.text, other.text)
    if one.kind is ValueKind.DATE:
        return one.text.startswith(other.text) or other.text.startswith(one.text) or one.text.lstrip("-")[1:] == other.text.lstrip("-")[1:]
    mine, theirs = _words(one.text), _words(other.text)
    return bool(mine and theirs) and (mine <= theirs or theirs <= mine)


def _same_number(one: str, other: str) -> bool:
    number, _, unit = one.partition(" ")
    other_number, _, other_unit = other.partition(" ")
    return number == other_number and (unit == other_unit or not unit or not other_unit)


def overlap(one: Collection[str], other: Collection[str]) -> float:
    """Shared part of the smaller set; 0 when either is empty."""
    small = min(len(one), len(other))
    return len(set(one) & set(other)) / small if small else 0.0


def compare(one: Path, other: Path, asked: About | None = None) -> Comparison:
    if one.question and other.question and one.outcome and other.outcome:
        return _outcomes(one, other)
    if asked and asked.words:
        return _answers(one, other, asked)
    return _facts(one, other)


def same_question(one: Path, other: Path) -> float:
    """Overlap of two questions, 1 when one holds the other (a trigger appended changes nothing); 0 when their ids differ."""
    if {word for word in one.question if word[-1:].isdigit()} ^ {word for word in other.question if word[-1:].isdigit()}:
        return 0.0
    return overlap(one.question, other.question) if min(len(one.question), len(other.question)) >= 2 else 0.0


def _outcomes(one: Path, other: Path) -> Comparison:
    closeness = same_question(one, other)
    if closeness < 0.8:
        return Comparison(Relation.UNRELATED)
    agree = one.outcome == other.outcome or ("no" not in (one.outcome, other.outcome) and overlap(one.outcome.split(), other.outcome.split()) >= 0.6)
    return Comparison(Relation.AGREE if agree else Relation.CONFLICT, closeness)


def on_topic(path: Path, asked: About) -> float:
    """Share of the question's words the memory takes up."""
    known = set(path.relation) | set(path.question) | {word for value in path.values for word in _words(value.text)}
    return len(asked.words & known) / len(asked.words) if asked.words else 0.0


def _answers(one: Path, other: Path, asked: About) -> Comparison:
    strength = min(on_topic(one, asked), on_topic(other, asked))
    if strength < 0.34:
        return Comparison(Relation.UNRELATED)
    for kind in asked.kinds or (ValueKind.DATE, ValueKind.NUM, ValueKind.ENTITY):
        mine, theirs = claimed(one, asked, kind), claimed(other, asked, kind)
        if mine and theirs:
            agree = any(same(value, rival) for value in mine for rival in theirs)
            return Comparison(Relation.AGREE if agree else Relation.CONFLICT, strength)
    return Comparison(Relation.UNRELATED)


def _facts(one: Path, other: Path) -> Comparison:
    return Comparison(Relation.UNRELATED)

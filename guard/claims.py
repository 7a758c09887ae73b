"""Do two memories say the same, the opposite, or things that have nothing to do with each other?

Decided by rule from their paths. With the words of a question at hand (`about`) the values a question already names are
its topic, and what is left of the kind it asks for is the claim; without, shared values are the topic and the claims
are
what differs.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files

from guard.types import Path, Shape, TypedValue, ValueKind
from guard.values import terms, typed_values

_WHEN = re.compile(
    r"(?:^|,\s*)when\b|\bwhen\W*$|\b(what (?:\w+ )?(?:year|date|day|month|time)|which (?:year|date|day|month)|in what year)\b",  # noqa: E501
    re.IGNORECASE,
)
_COUNT = re.compile(
    r"\bhow (?:many|much|long|old|far|tall|high|big|large|often|deep|fast|wide|heavy)\b|\bwhat (?:percent|number|amount|age|price|cost)",  # noqa: E501
    re.IGNORECASE,
)
_NAME = re.compile(
    r"\b(who|whom|whose|where|which|what(?:'s| is| was)? (?:the )?(?:name|city|country|state|capital))\b", re.IGNORECASE
)
NEAR_TOPIC = 0.2
ON_TOPIC = 0.34
"""The share of a question's words a memory must take up to agree with another answer, and to contradict one."""


class Relation(StrEnum):
    AGREE = "agree"
    CONFLICT = "conflict"
    UNRELATED = "unrelated"


@dataclass(frozen=True, slots=True)
class About:
    """A question as the claims see it: its words, and the kinds of value that can answer it (empty: any)."""

    words: frozenset[str] = frozenset()
    kinds: tuple[ValueKind, ...] = ()
    choices: tuple[str, ...] = ()
    person: bool = False
    values: tuple[TypedValue, ...] = ()
    background: frozenset[TypedValue] = frozenset()


@dataclass(frozen=True, slots=True)
class Comparison:
    relation: Relation
    strength: float = 0.0


def about(query: str) -> About:
    words = frozenset(terms(query)) | frozenset(re.findall(r"\d[\w-]*", query))
    kinds = (
        (ValueKind.DATE,)
        if _WHEN.search(query)
        else (ValueKind.NUM,)
        if _COUNT.search(query)
        else (ValueKind.ENTITY,)
        if _NAME.search(query)
        else ()
    )
    return About(
        words,
        kinds,
        _choices(query),
        bool(re.search(r"\b(who|whom|whose)\b", query, re.IGNORECASE)),
        typed_values(query),
    )


def _choices(query: str) -> tuple[str, ...]:
    """The two names of an "A or B" question."""
    offered = re.search(r"([\w'’. &-]{1,80}?),? or ([\w'’. &-]{1,80})", query)
    if not offered:
        return ()
    left, right = (
        ([value.text for value in typed_values(part) if value.kind is ValueKind.ENTITY] or [""])
        for part in offered.groups()
    )
    return (left[-1], right[0]) if left[-1] and right[0] else ()


@lru_cache(maxsize=8192)
def _words(text: str) -> frozenset[str]:
    return frozenset(terms(text)) | frozenset(re.findall(r"\d[\w-]*", text))


def claimed(path: Path, asked: About, kind: ValueKind) -> frozenset[TypedValue]:
    """Values of a kind that the question did not already name; of names, full ones where there are any."""
    found = {
        value
        for value in path.values
        if value.kind is kind and not _named(value, asked) and value not in asked.background
    }
    full = {value for value in found if " " in value.text}
    return frozenset(full if kind is ValueKind.ENTITY and asked.person and full else found)


def _named(value: TypedValue, asked: About) -> bool:
    if any(
        value.kind is given.kind
        and (value.text == given.text or (value.kind is not ValueKind.ENTITY and same(value, given)))
        for given in asked.values
    ):
        return True
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
        return (
            one.text.startswith(other.text)
            or other.text.startswith(one.text)
            or one.text.lstrip("-")[1:] == other.text.lstrip("-")[1:]
        )
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
    if Shape.EPISODE in (one.shape, other.shape):
        return Comparison(Relation.UNRELATED)
    if asked and asked.words:
        return _answers(one, other, asked)
    return _facts(one, other)


def same_question(one: Path, other: Path) -> float:
    """Overlap of two questions, 1 when one holds the other (a trigger appended changes nothing); 0 when their ids
    differ.
    """
    if {word for word in one.question if word[-1:].isdigit()} ^ {
        word for word in other.question if word[-1:].isdigit()
    }:
        return 0.0
    return overlap(one.question, other.question) if min(len(one.question), len(other.question)) >= 2 else 0.0


def _outcomes(one: Path, other: Path) -> Comparison:
    closeness = same_question(one, other)
    if closeness < 0.8:
        return Comparison(Relation.UNRELATED)
    agree = one.outcome == other.outcome or (
        "no" not in (one.outcome, other.outcome) and overlap(one.outcome.split(), other.outcome.split()) >= 0.6
    )
    return Comparison(Relation.AGREE if agree else Relation.CONFLICT, closeness)


def on_topic(path: Path, asked: About) -> float:
    """Share of the question's words the memory takes up."""
    known = set(path.relation) | set(path.question) | {word for value in path.values for word in _words(value.text)}
    return len(asked.words & known) / len(asked.words) if asked.words else 0.0


def _answers(one: Path, other: Path, asked: About) -> Comparison:
    strength = min(on_topic(one, asked), on_topic(other, asked))
    if strength < NEAR_TOPIC:
        return Comparison(Relation.UNRELATED)
    if asked.choices and (mine := _choice(one, asked)) and (theirs := _choice(other, asked)):
        return Comparison(Relation.AGREE if mine == theirs else Relation.CONFLICT, strength)
    for kind in asked.kinds or (ValueKind.DATE, ValueKind.NUM, ValueKind.ENTITY):
        left, right = claimed(one, asked, kind), claimed(other, asked, kind)
        if left and right:
            agree = any(_same_answer(value, rival) for value in left for rival in right)
            relation = Relation.AGREE if agree else Relation.CONFLICT if strength >= ON_TOPIC else Relation.UNRELATED
            return Comparison(relation, strength)
    return _plain_words(one, other, asked, strength)


def _same_answer(one: TypedValue, other: TypedValue) -> bool:
    """As answers to one question 70 nations and 70 countries are the same."""
    if one.kind is ValueKind.NUM:
        return one.text.partition(" ")[0] == other.text.partition(" ")[0]
    return same(one, other)


def _choice(path: Path, asked: About) -> str:
    """Which of the offered answers a text puts first: it is the one that the text is about."""
    named = (value for value in path.values if value.kind is ValueKind.ENTITY)
    return next((choice for value in named for choice in asked.choices if _words(value.text) & _words(choice)), "")


def _plain_words(one: Path, other: Path, asked: About, strength: float) -> Comparison:
    """Answers that are no names or numbers ("the midpiece"): two texts on one question share its uncommon word, or
    differ.
    """
    if strength < 0.5:
        return Comparison(Relation.UNRELATED)
    shared = (set(one.relation) & set(other.relation)) - asked.words - common_words()
    return Comparison(Relation.AGREE if shared else Relation.CONFLICT, strength)


@lru_cache(maxsize=1)
def common_words() -> frozenset[str]:
    """Stems so frequent in everyday English that sharing them means nothing."""
    return frozenset(files("guard.coefficients").joinpath("common_words.txt").read_text().split())


def _facts(one: Path, other: Path) -> Comparison:
    """Without a question: a shared topic, and of one kind of value something different on each side and nothing shared.

    Where values of several kinds differ (another day *and* another sum) two events are told, not one event twice.
    """
    topic = overlap(one.relation, other.relation)
    if topic < ON_TOPIC or _other_day(one, other):
        return Comparison(Relation.UNRELATED)
    clashes = [
        kind for kind in (ValueKind.NUM, ValueKind.DATE, ValueKind.ENTITY) if _clash(_of(one, kind), _of(other, kind))
    ]
    if len(clashes) == 1 and _anchored(one, other):
        return Comparison(Relation.CONFLICT, topic)
    return Comparison(Relation.AGREE if topic >= 0.5 and not clashes else Relation.UNRELATED, topic)


def _other_day(one: Path, other: Path) -> bool:
    """Two texts that each name a day, and not the same one, tell of two events."""
    days, rivals = (
        {value.text for value in _of(path, ValueKind.DATE) if value.text.count("-") == 2} for path in (one, other)
    )
    return bool(days and rivals) and not days & rivals


def _clash(mine: Collection[TypedValue], theirs: Collection[TypedValue]) -> bool:
    left, right = _apart(mine, theirs), _apart(theirs, mine)
    return bool(left and right) and _comparable(left, right)


def _anchored(one: Path, other: Path) -> bool:
    """Whether both are about one thing: a name or two uncommon words in common. Two people's addresses never clash."""
    names = any(same(value, rival) for value in _of(one, ValueKind.ENTITY) for rival in _of(other, ValueKind.ENTITY))
    return names or len((set(one.relation) & set(other.relation)) - common_words()) >= 2


def _of(path: Path, kind: ValueKind) -> list[TypedValue]:
    return [value for value in path.values if value.kind is kind]


def _apart(mine: Collection[TypedValue], theirs: Collection[TypedValue]) -> list[TypedValue]:
    return [value for value in mine if not any(same(value, rival) for rival in theirs)]


def _comparable(left: Collection[TypedValue], right: Collection[TypedValue]) -> bool:
    """Numbers clash only with numbers of their unit, full names only with full names."""
    if left and next(iter(left)).kind is ValueKind.NUM:
        return bool(
            {value.text.partition(" ")[2] for value in left} & {value.text.partition(" ")[2] for value in right}
        )
    if next(iter(left)).kind is ValueKind.ENTITY:
        return any(" " in value.text or value.text.startswith("<") for value in left) == any(
            " " in value.text or value.text.startswith("<") for value in right
        )
    return True

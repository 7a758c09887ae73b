"""Do two memories say the same, the opposite, or things that have nothing to do with each other?

Decided by rule from their paths. With the words of a question at hand (`about`) the values a question already names are
its topic, and what is left of the kind it asks for is the claim; without, shared values are the topic and the
claims are what differs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from guard.answers import Taken, taken
from guard.questions import About, about
from guard.sameness import same, same_answer, words_of
from guard.types import Path, Shape, TypedValue, ValueKind
from guard.values import common_words

__all__ = ["About", "Comparison", "Relation", "about", "compare", "same", "same_answer"]

MARGIN = 1.5
ON_TOPIC = 1 / 3
"""The share of a question's words a memory must take up to agree with another answer, or to contradict one."""
ONE_TOPIC = 0.34
"""The same of the smaller of two memories' words, where there is no question."""


class Relation(StrEnum):
    AGREE = "agree"
    CONFLICT = "conflict"
    DOUBT = "doubt"
    """Another answer, from a text that takes up too few of the question's words to dispute the first."""
    UNRELATED = "unrelated"


@dataclass(frozen=True, slots=True)
class Comparison:
    relation: Relation
    strength: float = 0.0


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
        return _answers(taken(one, asked), taken(other, asked), asked)
    return _facts(one, other)


def compare_taken(one: Taken, other: Taken, asked: About) -> Comparison:
    """As `compare`, for records that were taken for the question before."""
    episodes = Shape.EPISODE in (one.path.shape, other.path.shape)
    told = one.path.question and other.path.question and one.path.outcome and other.path.outcome
    return compare(one.path, other.path, asked) if episodes or told else _answers(one, other, asked)


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


def _answers(one: Taken, other: Taken, asked: About) -> Comparison:
    strength = min(one.topic, other.topic)
    if strength < ON_TOPIC:
        return Comparison(Relation.UNRELATED)
    if asked.choices and (mine := _choice(one.path, asked)) and (theirs := _choice(other.path, asked)):
        return Comparison(Relation.AGREE if mine == theirs else Relation.CONFLICT, strength)
    if asked.polar:
        return _polarities(one.path, other.path, asked, strength)
    for kind, left in one.offers.items():
        right = other.offers[kind]
        if left and right:
            return Comparison(_slot(one, other, left, right), strength)
        if _spelt_small(left, other, asked) or _spelt_small(right, one, asked):
            return Comparison(Relation.AGREE, strength)
    return _plain_words(one, other, strength)


def _slot(one: Taken, other: Taken, left: frozenset[TypedValue], right: frozenset[TypedValue]) -> Relation:
    """A value in common is agreement, unless the texts are one text with that very slot changed."""
    shared = bool(left & right) or any(same_answer(value, rival) for value in left for rival in right)
    if shared and not (_reworded(one, other) and _apart(left, right) and _apart(right, left)):
        return Relation.AGREE
    return Relation.CONFLICT


def _spelt_small(named: Iterable[TypedValue], plain: Taken, asked: About) -> bool:
    """Whether a text without names says one of these in small letters: '"authority"' here, "authority" there."""
    owns = (words_of(value.text) - asked.words for value in named if value.kind is ValueKind.ENTITY)
    return any(own and own <= plain.words - _denied(plain.path) for own in owns)


def _reworded(one: Taken, other: Taken) -> bool:
    """Word for word the same but for one place."""
    mine, theirs = one.words, other.words
    return len(mine & theirs) >= 5 and max(len(mine - theirs), len(theirs - mine)) <= 2


def _choice(path: Path, asked: About) -> int:
    """Which of the offered answers (1 or 2) a text puts first, for that is the one it is about; 0 if it names neither.

    A comparison turned round between the two ("was born later than") turns the answer round.
    """
    one, other = asked.choices
    named = [words_of(value.text) for value in path.values if value.kind is ValueKind.ENTITY]
    order = [1 if known & one else 2 for known in named if bool(known & one) != bool(known & other)]
    order += [1 if word in one else 2 for word in path.relation if word in one or word in other]
    if not order:
        return 0
    return 3 - order[0] if _turned(path, asked) else order[0]


def _turned(path: Path, asked: About) -> bool:
    places = {word: place for place, word in enumerate(path.relation)}
    firsts = [min((places[word] for word in choice if word in places), default=-1) for choice in asked.choices]
    turning = [places[word] for word in asked.opposite if word in places]
    return min(firsts) >= 0 and any(min(firsts) < place < max(firsts) for place in turning)


def _polarities(one: Path, other: Path, asked: About, strength: float) -> Comparison:
    """Texts on a yes-or-no question agree when both affirm or both deny what it asks."""
    if strength < 0.5:
        return Comparison(Relation.UNRELATED)
    relation = Relation.AGREE if denies(one, asked) == denies(other, asked) else Relation.CONFLICT
    return Comparison(relation, strength)


def denies(path: Path, asked: About) -> bool:
    """Whether a text answers no: it denies what the question says of its names, or, where the question puts two
    together, tells them apart.
    """
    names = {word for value in asked.values if value.kind is ValueKind.ENTITY for word in words_of(value.text)}
    return bool(_denied(path) & (asked.words - names or asked.words)) or (asked.both and "sets-apart" in path.hints)


def _denied(path: Path) -> set[str]:
    return {hint.removeprefix("denies:") for hint in path.hints if hint.startswith("denies:")}


def _plain_words(one: Taken, other: Taken, strength: float) -> Comparison:
    """Answers that are no names or numbers ("the midpiece"): two texts on one question share its uncommon word, or
    much besides the question's words; or they differ.
    """
    if strength < 0.5:
        return Comparison(Relation.UNRELATED)
    left, right = one.rest, other.rest
    shared = left & right
    if left != right and _reworded(one, other) and left - right and right - left:
        return Comparison(Relation.CONFLICT, strength)
    agree = shared - common_words() or len(shared) >= max(2, PLAIN_SHARE * min(len(left), len(right)))
    return Comparison(Relation.AGREE if agree else Relation.CONFLICT, strength)


PLAIN_SHARE = 0.25


def _facts(one: Path, other: Path) -> Comparison:
    """Without a question: a shared topic, and of one kind of value something different on each side and nothing shared.

    Where values of several kinds differ (another day *and* another sum) two events are told, not one event twice.
    """
    topic = overlap(one.relation, other.relation)
    if topic < ONE_TOPIC or _other_day(one, other):
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
    return bool(left and right) and _comparable(left, right) and not any(map(_is_name_hidden, (*left, *right)))


def _is_name_hidden(value: TypedValue) -> bool:
    """A pseudonym of a name: "Keller" and "Odo Keller" have two, so that others need not be another's."""
    return value.kind is ValueKind.ENTITY and value.text.startswith("<")


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
        return any(" " in value.text for value in left) == any(" " in value.text for value in right)
    return True

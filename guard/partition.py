"""How all records that answer one question relate: what every one of them says is the setting, what sets them apart is
the claim.

Two records alone can share a value by chance ("American"). Among more it shows: where a record shares one value with
this side and another with that, and the sides share neither, nobody can tell which of the two is its answer, so its
agreement counts for neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from guard.answers import Taken, taken
from guard.claims import (
    MARGIN,
    ON_TOPIC,
    About,
    Relation,
    about,
    compare,
    compare_taken,
    same_answer,
)
from guard.types import Path, Shape, TypedValue, ValueKind
from guard.values import common_words

Relations = Mapping[tuple[int, int], Relation]
Answers = Sequence[frozenset[TypedValue]]
Said = Mapping[int, frozenset[TypedValue]]
Shared = Callable[[int, int], frozenset[TypedValue]]


@dataclass(frozen=True, slots=True)
class Voice:
    """A record and the trust of its source."""

    path: Path
    trust: float


def relations_of(voices: Sequence[Voice], query: str = "") -> Relations:
    """The relation of every pair, both ways; it depends on the records and the query, not on their order."""
    asked = about(query) if query else About()
    seen = [taken(voice.path, asked) for voice in voices] if asked.words else []
    if (narrowed := _with_background(asked, seen)) is not asked:
        asked, seen = narrowed, [each.within(narrowed) for each in seen]
    found: dict[tuple[int, int], Relation] = {}
    for left in range(len(voices)):
        for right in range(left):
            related = (
                compare_taken(seen[left], seen[right], asked)
                if seen
                else compare(voices[left].path, voices[right].path)
            )
            found[left, right] = found[right, left] = related.relation
    return _undercut(_waived(found, len(voices)), voices, seen, asked) if asked.words and asked.open else found


def _waived(found: Relations, count: int) -> Relations:
    """A contradiction between two records that agree with the same two others, who agree as well, was misread."""
    friends: list[set[int]] = [set() for _ in range(count)]
    for (one, other), relation in found.items():
        if relation is Relation.AGREE:
            friends[one].add(other)
    conflicts = [pair for pair, relation in found.items() if relation is Relation.CONFLICT and pair[0] < pair[1]]
    misread = [pair for pair in conflicts if _have_two_in_common(*pair, friends)]
    return {**found, **dict.fromkeys([*misread, *(pair[::-1] for pair in misread)], Relation.UNRELATED)}


def _have_two_in_common(one: int, other: int, friends: Sequence[set[int]]) -> bool:
    common = friends[one] & friends[other]
    return len(common) > 1 and any(friends[third] & common for third in common)


def _with_background(asked: About, seen: Sequence[Taken]) -> About:
    """What all on the topic say is their setting if, without it, each still has an answer and most of those agree.

    Where a person is asked for and all name one, what is left must name one too: else it was the answer.
    """
    before = [each for each in seen if each.path.shape is not Shape.EPISODE and each.topic >= ON_TOPIC]
    if len(before) < 3:
        return asked
    first, *rest = (frozenset(each.path.values) for each in before)
    common = _shared(first, *rest)
    everywhere = common.union(*(_shared(values, common) for values in rest)) if common else common
    setting = frozenset.intersection(*(each.words for each in before))
    if not everywhere and not setting:
        return asked
    narrowed = replace(asked, background=everywhere, setting=setting)
    after = [each.within(narrowed) for each in before]
    typed = all(each.answers for each in before)
    left = [each.answers for each in after] if typed else _said(after)
    if asked.person and _whole_names([each.answers for each in before]) and not _whole_names(left):
        return asked
    return narrowed if all(left) and _sided(left, not typed) else asked


def _whole_names(said: Answers) -> bool:
    return all(any(" " in value.text for value in each) for each in said)


def _sided(said: Answers, apart: bool) -> bool:
    """Whether most records, but not all, have one answer in common: those are one side, the others the other. `apart`:
    words only make sides where the two share no other one, for among many words most records always share some.
    """
    for value in frozenset[TypedValue]().union(*said):
        backing = [_answered(value, each) for each in said]
        if len(said) < 2 * sum(backing) < 2 * len(said):
            side, rest = (
                [each for each, backs in zip(said, backing, strict=True) if backs is on] for on in (True, False)
            )
            if not (apart and any(_shared(one, other) for one in rest for other in side)):
                return True
    return False


def _answered(value: TypedValue, answers: frozenset[TypedValue]) -> bool:
    """Whether any of the answers is the same as the value; only a number is ever the same as one of another kind."""
    if value in answers:
        return True
    kind = value.kind
    number = kind is ValueKind.NUM
    return any(same_answer(value, rival) for rival in answers if number or rival.kind is kind)


def _said(seen: Sequence[Taken]) -> Answers:
    """Every record's possible answers, all of one sort: values of the kind asked for, or else uncommon words."""
    typed = [each.answers for each in seen]
    if all(typed):
        return typed
    return [frozenset(TypedValue(ValueKind.WORD, word) for word in each.rest - common_words()) for each in seen]


def _undercut(found: Relations, voices: Sequence[Voice], seen: Sequence[Taken], asked: About) -> Relations:
    near = [place for place, each in enumerate(seen) if each.path.shape is not Shape.EPISODE and each.topic >= ON_TOPIC]
    said = dict(zip(near, _said([seen[place] for place in near]), strict=True))
    shared = cache(lambda one, other: _shared(said[one], said[other]))
    loose = {
        (one, other)
        for (one, other), relation in found.items()
        if relation is Relation.AGREE and one in said and other in said and _divided(one, other, said, voices, shared)
    }
    return {
        pair: Relation.DOUBT if pair in loose or pair[::-1] in loose else relation for pair, relation in found.items()
    }


def _divided(one: int, other: int, said: Said, voices: Sequence[Voice], shared: Shared) -> bool:
    """Whether `one` agrees with `other` on one value and with a third record on another that neither of them shares.
    `shared` tells what the first of two says that the second says too.
    """
    common = shared(one, other)
    if not common or not said[one] - common or not said[other] - shared(other, one):
        return False
    weaker = min(voices[one].trust, voices[other].trust)
    return any(
        shared(one, third) - common and not shared(other, third)
        for third in said
        if third not in (one, other) and MARGIN * voices[third].trust > weaker
    )


def _shared(one: frozenset[TypedValue], *others: frozenset[TypedValue]) -> frozenset[TypedValue]:
    """Those of the first that all others have too."""
    alike = one.intersection(*others)
    rest = (value for value in one - alike if value.kind is not ValueKind.WORD)  # words are the same or not
    return alike.union(value for value in rest if all(_answered(value, other) for other in others))

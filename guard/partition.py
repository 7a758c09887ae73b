"""How all records that answer one question relate: what every one of them says is the setting, what sets them apart is
the claim.

Two records alone can share a value by chance ("American"). Among more it shows: where a record shares one value with
this side and another with that, and the sides share neither, nobody can tell which of the two is its answer, so its
agreement counts for neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from guard.claims import (
    MARGIN,
    ON_TOPIC,
    About,
    Relation,
    Taken,
    about,
    compare,
    compare_taken,
    on_topic,
    same_answer,
    taken,
    uncommon,
)  # fmt: skip
from guard.types import Path, Shape, TypedValue, ValueKind

Relations = Mapping[tuple[int, int], Relation]
Answers = Sequence[frozenset[TypedValue]]


@dataclass(frozen=True, slots=True)
class Voice:
    """A record and the trust of its source."""

    path: Path
    trust: float


def relations_of(voices: Sequence[Voice], query: str = "") -> Relations:
    """The relation of every pair, both ways; it depends on the records and the query, not on their order."""
    asked = _with_background(about(query), [voice.path for voice in voices]) if query else About()
    found: dict[tuple[int, int], Relation] = {}
    seen = [taken(voice.path, asked) for voice in voices] if asked.words else []
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
    friends = [{other for other in range(count) if found.get((one, other)) is Relation.AGREE} for one in range(count)]
    return {
        (one, other): Relation.UNRELATED
        if relation is Relation.CONFLICT
        and any(friends[third] & friends[one] & friends[other] for third in friends[one] & friends[other])
        else relation
        for (one, other), relation in found.items()
    }


def _with_background(asked: About, paths: Sequence[Path]) -> About:
    """What all on the topic say is their setting if, without it, each still has an answer and most of those agree."""
    topical = [path for path in paths if path.shape is not Shape.EPISODE and on_topic(path, asked) >= ON_TOPIC]
    if len(topical) < 3:
        return asked
    first, *rest = (frozenset(path.values) for path in topical)
    common = _shared(first, *rest)
    everywhere = [common, *(_shared(values, common) for values in rest)]
    setting = frozenset.intersection(*(frozenset(path.relation) for path in topical))
    narrowed = replace(asked, background=frozenset[TypedValue]().union(*everywhere), setting=setting)
    before, after = ([taken(path, about_it) for path in topical] for about_it in (asked, narrowed))
    typed = all(each.answers for each in before)
    left = [each.answers for each in after] if typed else _said(after, narrowed)
    return narrowed if all(left) and _sided(left) else asked


def _sided(said: Answers) -> bool:
    """Whether most records, but not all, have one answer in common: those are one side, the others the other."""
    backed = (sum(bool(_shared(frozenset({value}), other)) for other in said) for each in said for value in each)
    return any(len(said) < 2 * count < 2 * len(said) for count in backed)


def _said(seen: Sequence[Taken], asked: About) -> Answers:
    """Every record's possible answers, all of one sort: values of the kind asked for, or else uncommon words."""
    typed = [each.answers for each in seen]
    if all(typed):
        return typed
    return [
        frozenset(TypedValue(ValueKind.WORD, word) for word in uncommon(each.path) - asked.words - asked.setting)
        for each in seen
    ]


def _undercut(found: Relations, voices: Sequence[Voice], seen: Sequence[Taken], asked: About) -> Relations:
    near = [place for place, each in enumerate(seen) if each.path.shape is not Shape.EPISODE and each.topic >= ON_TOPIC]
    said = dict(zip(near, _said([seen[place] for place in near], asked), strict=True))
    loose = {
        (one, other)
        for (one, other), relation in found.items()
        if relation is Relation.AGREE and one in said and other in said and _divided(one, other, said, voices)
    }
    return {
        pair: Relation.DOUBT if pair in loose or pair[::-1] in loose else relation for pair, relation in found.items()
    }


def _divided(one: int, other: int, said: Mapping[int, frozenset[TypedValue]], voices: Sequence[Voice]) -> bool:
    """Whether `one` agrees with `other` on one value and with a third record on another that neither of them shares."""
    weaker = min(voices[one].trust, voices[other].trust)
    thirds = [third for third in said if third not in (one, other) and MARGIN * voices[third].trust > weaker]
    common = _shared(said[one], said[other]) if thirds else frozenset()
    if not common or not said[other] - _shared(said[other], said[one]):
        return False
    return any(_shared(said[one] - common, said[third]) and not _shared(said[other], said[third]) for third in thirds)


def _shared(one: frozenset[TypedValue], *others: frozenset[TypedValue]) -> frozenset[TypedValue]:
    """Those of the first that all others have too."""
    return frozenset(
        value for value in one if all(any(same_answer(value, rival) for rival in other) for other in others)
    )

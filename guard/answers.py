"""A record as one question sees it: how far it is on the topic, and the values with which it may answer."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from guard.questions import About
from guard.sameness import same, words_of
from guard.types import Path, TypedValue, ValueKind
from guard.values import stem


@dataclass(frozen=True, slots=True)
class Claims:
    """Values of one kind that the question did not already name, and, of names, those that are made into words
    ("Roman") and stand for a name where nothing else does. No background is left out yet.
    """

    found: frozenset[TypedValue]
    made: frozenset[TypedValue] = frozenset()

    def among(self, kind: ValueKind, asked: About) -> frozenset[TypedValue]:
        """What may be the answer: of names, full ones where a person is asked for, of numbers those that count what
        the question counts, where there are any.
        """
        found = self.found - asked.background if asked.background else self.found
        if kind is ValueKind.ENTITY and (asked.kin or not found):
            found |= self.made - asked.background
        if kind is ValueKind.ENTITY and asked.person:
            return frozenset(value for value in found if " " in value.text) or found
        if kind is ValueKind.NUM:
            return frozenset(value for value in found if value.text.partition(" ")[2] in asked.words) or found
        return found


def _claims_of(path: Path, asked: About, kind: ValueKind) -> Claims:
    """What a record says of a kind beside what the question names."""
    found = _fresh((part for value in path.values if value.kind is kind for part in _parts(value)), asked)
    if kind is not ValueKind.ENTITY:
        return Claims(found)
    made = (TypedValue(kind, value.text) for value in path.values if value.kind is ValueKind.WORD)
    return Claims(found, _fresh(made, asked))


def _fresh(values: Iterable[TypedValue], asked: About) -> frozenset[TypedValue]:
    return frozenset(value for value in values if not _named(value, asked))


_JOINED = re.compile(r" (?:and|&) ")


def _parts(value: TypedValue) -> list[TypedValue]:
    """Two names joined by "and" are two names."""
    if value.kind is not ValueKind.ENTITY or not _JOINED.search(value.text):
        return [value]
    return [TypedValue(value.kind, part) for part in _JOINED.split(value.text)]


def _named(value: TypedValue, asked: About) -> bool:
    if any(
        value.kind is given.kind
        and (value.text == given.text or (value.kind is not ValueKind.ENTITY and same(value, given)))
        for given in asked.values
    ):
        return True
    known = words_of(value.text)
    if not known:
        return value.kind is ValueKind.ENTITY
    taken = len(known & asked.words)
    return taken == len(known) or (len(known) > 3 and 3 * taken > 2 * len(known))


@dataclass(frozen=True, slots=True)
class Taken:
    """A record as one question sees it, read once and compared often: how far it is on the `topic` (0 to 1), what it
    claims and the values it `offers`, by kind, and the words in which it may answer (`rest`).
    """

    path: Path
    topic: float
    claims: Mapping[ValueKind, Claims]
    offers: Mapping[ValueKind, frozenset[TypedValue]]
    words: frozenset[str]
    rest: frozenset[str]

    @property
    def answers(self) -> frozenset[TypedValue]:
        """The values with which it can answer: those of the first kind it offers any of."""
        return next((found for found in self.offers.values() if found), frozenset())

    def within(self, asked: About) -> Taken:
        """The same record for the same question, with what `asked` says is background and setting left out."""
        offers = {kind: claims.among(kind, asked) for kind, claims in self.claims.items()}
        rest = self.words - asked.words - asked.setting
        return Taken(self.path, self.topic, self.claims, offers, self.words, rest)


def taken(path: Path, asked: About) -> Taken:
    kinds = asked.kinds or (ValueKind.ENTITY, ValueKind.NUM, ValueKind.DATE)
    claims = {kind: _claims_of(path, asked, kind) for kind in kinds}
    words = frozenset(path.relation)
    return Taken(path, _on_topic(path, asked), claims, {}, words, frozenset()).within(asked)


def _on_topic(path: Path, asked: About) -> float:
    """Share of the question's words the memory takes up."""
    if not asked.words:
        return 0.0
    known = asked.words.intersection(path.relation) | asked.words.intersection(path.question)
    for value in path.values:
        known |= asked.words.intersection(_spelt(value) if value.kind is ValueKind.DATE else words_of(value.text))
    return len(known) / len(asked.words)


def _spelt(date: TypedValue) -> Iterable[str]:
    """`2012-04-02` as a question would write it: 2012, april, 2."""
    year, month, day = [*date.text.lstrip("-").split("-"), "", ""][:3]
    return (year, year + "s", _MONTHS.get(month, month), day.lstrip("0"))


_MONTHS = {f"{number:02d}": stem(name) for number, name in enumerate(calendar.month_name) if name}

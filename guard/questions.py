"""A question as the claims see it: what it is about, and what would answer it."""

# ruff: noqa: E501 - one pattern or word list a line reads better than a broken one

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from guard.types import TypedValue, ValueKind
from guard.values import stem, terms, typed_values

_WHEN = re.compile(
    r"(?:^|,\s*)when\b|\bwhen\W*$|\b(?:what|which) (?:\w+ )?(?:year|date|day|month|time)\b|\bsince when\b",
    re.IGNORECASE,
)
_COUNT = re.compile(
    r"\bhow (?:many|much|long|old|far|tall|high|big|large|often|deep|fast|wide|heavy|hot|cold)\b|"
    r"\bwhat (?:percent|number|amount|age|price|cost|sum|score|length|height|distance|temperature)|\b(?:period|number) of\W*$",
    re.IGNORECASE,
)
_KIN = re.compile(r"\b(?:nationality|nationalities|ethnicity|language|citizen(?:ship)?)\b|\b(?:from|of) (?:what|which) (?:country|nation)", re.I)  # fmt: skip
_PERSON = re.compile(r"\b(?:who|whom|whose|(?:which|what)(?: \w+){0,2} (?:man|woman|person|boy|girl))\b", re.IGNORECASE)
_NAME = re.compile(r"\b(who|whom|whose|where|which|what(?:'s|’s)?)\b", re.IGNORECASE)
_POLAR = re.compile(
    r"^\W*(?:is|are|was|were|am|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must|"
    r"isn't|aren't|wasn't|weren't|don't|doesn't|didn't|hasn't|haven't|can't|won't)\b",
    re.IGNORECASE,
)
_AMONG = re.compile(r"\bwhich (?:one )?of (?:these|those|them|the (?:two|following|\w+))\b|\bwhich of\b", re.IGNORECASE)
_POLES = tuple(
    tuple(frozenset(map(stem, words.split())) for words in pair)
    for pair in (
        ("earlier first older oldest elder eldest before predate precede", "later last younger youngest after postdate follow succeed"),
        ("more most higher highest greater larger largest bigger biggest better best exceed surpass outrank longer taller faster", "fewer fewest less least lower lowest smaller smallest worse worst trail lag shorter slower"),
    )
)  # fmt: skip
_OFFER = re.compile(r"([\w'’. &-]{1,80}?),? or (?:the |a |an )?([\w'’. &-]{1,80})")


@dataclass(frozen=True, slots=True)
class About:
    """Its words, the kinds of value that can answer it (empty: any), the answers it offers itself (word sets), and
    whether yes or no is the answer. `background` and `setting` are what every record at hand says: no claim.
    """

    words: frozenset[str] = frozenset()
    kinds: tuple[ValueKind, ...] = ()
    choices: tuple[frozenset[str], ...] = ()
    person: bool = False
    kin: bool = False
    values: tuple[TypedValue, ...] = ()
    background: frozenset[TypedValue] = frozenset()
    setting: frozenset[str] = frozenset()
    polar: bool = False
    both: bool = False
    opposite: frozenset[str] = frozenset()

    @property
    def open(self) -> bool:
        """Whether anything may be the answer, not just yes, no, or one of what is offered."""
        return not (self.polar or self.choices)


def about(query: str) -> About:
    values = typed_values(query)
    choices = _choices(query, values)
    return About(
        words=words(query),
        kinds=_kinds(query),
        choices=choices,
        person=bool(_PERSON.search(query)),
        kin=bool(_KIN.search(query)),
        values=values,
        polar=bool(_POLAR.search(query)) and not choices,
        both=bool(re.search(r"\b(both|same|each|all|every)\b", query, re.IGNORECASE)),
        opposite=_opposite(query),
    )


def words(text: str) -> frozenset[str]:
    """Content stems and everything with a digit."""
    return frozenset(terms(text)) | frozenset(re.findall(r"\d[\w-]*", text))


def _kinds(query: str) -> tuple[ValueKind, ...]:
    if _WHEN.search(query):
        return (ValueKind.DATE,)
    if _COUNT.search(query):
        return (ValueKind.NUM,)
    return (ValueKind.ENTITY,) if _NAME.search(query) or _KIN.search(query) else ()


def _choices(query: str, values: Sequence[TypedValue]) -> tuple[frozenset[str], ...]:
    """The two answers of an "A or B" question or of "A and B … which of them": the words that tell them apart."""
    offered = _OFFER.search(query)
    if offered:
        left, right = _last(offered[1]), _first(offered[2])
    elif _AMONG.search(query) and len(names := [v.text for v in values if v.kind is ValueKind.ENTITY]) >= 1:
        parts = [part for name in names for part in re.split(r" (?:and|&) ", name)]
        if len(parts) != 2:
            return ()
        left, right = (words(part) for part in parts)
    else:
        return ()
    return (left - right, right - left) if left - right and right - left else ()


def _last(text: str) -> frozenset[str]:
    """The name the text ends in, else its last word."""
    ends = frozenset(terms(text)[-1:])
    return next((name for name in reversed(_names(text)) if ends <= name), ends)


def _first(text: str) -> frozenset[str]:
    starts = frozenset(terms(text)[:1])
    return next((name for name in _names(text) if starts <= name), starts)


def _names(text: str) -> list[frozenset[str]]:
    return [words(value.text) for value in typed_values(text) if value.kind is ValueKind.ENTITY]


def _opposite(query: str) -> frozenset[str]:
    """Stems that turn the question's comparison round: "later" where it asks who was earlier."""
    asked = {stem(word) for word in re.findall(r"[a-z]+", query.lower())}
    for one, other in _POLES:
        if bool(asked & one) != bool(asked & other):
            return other if asked & one else one
    return frozenset()

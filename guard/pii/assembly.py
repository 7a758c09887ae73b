"""From raw findings to settled ones: neighbours become one ("Ana" + "Diaz", a house number + its street + its town),
what is implausible on its own goes, and a mere suspicion inside something surer gives way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from guard.pii.entities import NUMBERED, Entity
from guard.pii.fields import is_code
from guard.pii.port import Finding

_BETWEEN = {
    Entity.PERSON: re.compile(r"[ \u00a0]{1,2}|[ ]?[-'’][ ]?|[ ][^\W\d_]\.?[ ]|\.[ ]?"),
    Entity.LOCATION: re.compile(r"[ \u00a0\-'’]{1,2}|\. ?"),
    Entity.PHONE: re.compile(r"[ ().\-/+]{0,3}"),
    Entity.EMAIL: re.compile(r"[.@_+\-]{0,2}"),
    Entity.URL: re.compile(r"[.:/_?=&\-]{0,3}"),
}
_USUAL = re.compile(r"[ .\-/]{0,2}")
# Between two parts of an address: commas, line ends, and up to four words with capitals or numbers; no sentence's end.
_WITHIN_ADDRESS = re.compile(
    r"[ \t,;#/()\-]{0,4}\.?\n?[\s,;>?#/()\-]{0,6}"
    r"(?:(?:[^\W\d_a-z][\w'’\-]{0,25}|\d{1,6}[a-z]?|de|la|le|der|den|of|the)[\s,;#/()\-]{1,4}){0,4}"
)
_AFTER_ADDRESS = re.compile(
    r"(?:[\s,]{1,4}(?:[A-Z]{2}(?!\w)|\d{4,6}(?![\w-]|\.\d))){1,2}|(?<=\d)(?: \d{1,5}[A-Za-z]?(?!\w))"
)
_BEFORE_ADDRESS = re.compile(r"(?<![\w.,-])\d{1,6}[A-Za-z]?,?[ ]$")
_LONGEST_GAP = {Entity.ADDRESS: 60}
# Dates stay, unless they are said to be of birth; and a year alone is no postcode.
_YEAR = r"(?:1[5-9]|2[01])\d\d"
_DATES = re.compile(
    rf"(?<![\w/-])(?:\d{{4}}-[01]\d-[0-3]\d|{_YEAR}([-/.])(?:0?[1-9]|1[0-2])(?:\1[0-3]?\d)?)(?![\w/-])"
    rf"|(?<![\w/-])[0-3]?\d([-/.])[0-3]?\d\2{_YEAR}(?![\w/-])"
)
_ALONE = re.compile(_YEAR)
_EDGES = " \t\r\n.,;:!?\"'’()[]{}<>«»“”"
_POSSESSIVE = re.compile(r"['’][sS]$")
_PLACES = (Entity.ADDRESS, Entity.LOCATION)
_NAMED = (Entity.PERSON, Entity.LOCATION, Entity.ADDRESS)
_CALLED = (*_NAMED, Entity.URL)
_FUNCTION = re.compile(r"[a-z][A-Z]|[_.]")
_SURE, _SUSPECTED = 0.55, 0.5


def settled(text: str, findings: Iterable[Finding]) -> list[Finding]:
    """The findings of one text, settled."""
    dates = [match.span() for match in _DATES.finditer(text)]
    single = [piece for each in findings if not _is_date(each, dates) for piece in _lines(text, each)]
    joined = [_widened(text, each) for each in _joined(text, _surer(single))]
    trimmed = (_trimmed(text, each) for each in joined)
    return [each for each in trimmed if each and _plausible(text, each)]


def _is_date(each: Finding, dates: Sequence[tuple[int, int]]) -> bool:
    return each.type in NUMBERED and any(start <= each.start and each.end <= end for start, end in dates)


def _lines(text: str, each: Finding) -> Iterator[Finding]:
    """A person's name does not run over a line's end."""
    if each.type is not Entity.PERSON or "\n" not in text[each.start : each.end]:
        yield each
        return
    for line in re.finditer(r"[^\n]+", text[each.start : each.end]):
        yield Finding(each.type, each.path, each.start + line.start(), each.start + line.end(), each.score)


def _surer(findings: Sequence[Finding]) -> list[Finding]:
    """Without suspicions that lie within something surer of another kind. A secret never gives way."""
    sure = sorted((each for each in findings if each.score >= _SURE), key=lambda each: each.start)
    return [each for each in findings if not (_is_doubtful(each) and _lies_within(each, sure))]


def _is_doubtful(each: Finding) -> bool:
    return each.score < _SUSPECTED and each.type is not Entity.SECRET


def _lies_within(each: Finding, sure: Sequence[Finding]) -> bool:
    return any(
        other.start <= each.start and each.end <= other.end and other.type is not each.type
        for other in sure
        if other.start <= each.start
    )


def _joined(text: str, findings: Iterable[Finding]) -> list[Finding]:
    joined: list[Finding] = []
    last: dict[bool | Entity, int] = {}
    for each in sorted(findings, key=lambda finding: (finding.start, finding.end)):
        family: bool | Entity = True if each.type in _PLACES else each.type
        place = last.get(family)
        if place is not None and _adjoins(text, joined[place], each):
            joined[place] = _together(joined[place], each)
        else:
            joined.append(each)
            last[family] = len(joined) - 1
    return joined


def _adjoins(text: str, left: Finding, right: Finding) -> bool:
    if right.start <= left.end:
        return True
    address = Entity.ADDRESS in (left.type, right.type)
    kind = Entity.ADDRESS if address else left.type
    if right.start - left.end > _LONGEST_GAP.get(kind, 4):
        return False
    between = _WITHIN_ADDRESS if address else _BETWEEN.get(kind, _USUAL)
    return between.fullmatch(text, left.end, right.start) is not None


def _together(left: Finding, right: Finding) -> Finding:
    kind = left.type if left.type is right.type else Entity.ADDRESS
    return Finding(kind, left.path, left.start, max(left.end, right.end), max(left.score, right.score))


def _widened(text: str, each: Finding) -> Finding:
    """An address takes the house number before it, and the state and postcode behind it."""
    if each.type is not Entity.ADDRESS:
        return each
    after = _AFTER_ADDRESS.match(text, each.end)
    before = _BEFORE_ADDRESS.search(text, max(0, each.start - 10), each.start)
    start, end = (before.start() if before else each.start), (after.end() if after else each.end)
    return Finding(each.type, each.path, start, end, each.score)


def _trimmed(text: str, each: Finding) -> Finding | None:
    """Without spaces, quotes and stops at its edges, and without a possessive s."""
    start, end = each.start, each.end
    if each.type in (*_NAMED, Entity.PHONE):
        while start < end and text[start] in _EDGES and not (each.type is Entity.PHONE and text[start] == "("):
            start += 1
        while start < end and text[end - 1] in _EDGES:
            end -= 1
    if each.type in _NAMED and (match := _POSSESSIVE.search(text, start, end)):
        end = match.start()
    return Finding(each.type, each.path, start, end, each.score) if start < end else None


def _plausible(text: str, each: Finding) -> bool:
    """Names have letters and are not called as functions are; a lone short number or year is no address; an e-mail
    address has a way to its host."""
    value = text[each.start : each.end]
    if each.type in NUMBERED and _ALONE.fullmatch(value):
        return False
    if each.type in _CALLED and text.startswith("(", each.end):
        return not (_FUNCTION.search(value) or is_code(each.path, text))
    if each.type is Entity.ADDRESS:
        return sum(sign.isdigit() for sign in value) >= 4 or sum(sign.isalpha() for sign in value) >= 3
    if each.type in _NAMED:
        return any(sign.isalpha() for sign in value)
    if each.type is Entity.EMAIL:
        return "@" in value or re.search(r"(?i)\bat\b|\(at\)|\[at\]", value) is not None
    if each.type is Entity.PHONE:
        return sum(sign.isdigit() for sign in value) >= 5
    return True

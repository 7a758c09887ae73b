"""Neighbouring pieces become one finding: "Ana" + "Diaz", a house number + its street + its town."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from guard.pii.entities import Entity
from guard.pii.port import Finding

_BETWEEN = {
    Entity.PERSON: re.compile(r"[ \u00a0]{1,2}|[ ]?[-'’][ ]?|[ ]?[^\W\d_]\.[ ]|\.[ ]?"),
    Entity.ADDRESS: re.compile(r"[\s,;.#/\-]{0,4}"),
    Entity.LOCATION: re.compile(r"[ \u00a0\-'’]{1,2}|\. ?"),
    Entity.PHONE: re.compile(r"[ ().\-/+]{0,3}"),
    Entity.EMAIL: re.compile(r"[.@_+\-]{0,2}"),
    Entity.URL: re.compile(r"[.:/_?=&\-]{0,3}"),
}
_USUAL = re.compile(r"[ .\-/]{0,2}")
_EDGES = " \t\r\n.,;:!?\"'’()[]{}<>«»“”"
_POSSESSIVE = re.compile(r"['’][sS]$")
_ADDRESS_LIKE = (Entity.ADDRESS, Entity.LOCATION)


def assembled(text: str, findings: Iterable[Finding]) -> list[Finding]:
    """Join neighbours of a kind (a place beside an address belongs to it) and trim the edges."""
    joined: list[Finding] = []
    last: dict[Entity, int] = {}
    for each in sorted(findings, key=lambda finding: (finding.start, finding.end)):
        place = _neighbour(text, joined, last, each)
        if place is None:
            joined.append(each)
            last[each.type] = len(joined) - 1
        else:
            joined[place] = _together(joined[place], each)
            last[joined[place].type] = place
    return [trimmed for each in joined if (trimmed := _trimmed(text, each))]


def _neighbour(text: str, joined: Sequence[Finding], last: dict[Entity, int], each: Finding) -> int | None:
    kinds = _ADDRESS_LIKE if each.type in _ADDRESS_LIKE else (each.type,)
    for kind in kinds:
        place = last.get(kind)
        if place is not None and joined[place].type is kind and _adjoins(text, joined[place], each):
            return place
    return None


def _adjoins(text: str, left: Finding, right: Finding) -> bool:
    if right.start <= left.end:
        return True
    if right.start - left.end > 4:
        return False
    kind = Entity.ADDRESS if left.type is not right.type else left.type
    return _BETWEEN.get(kind, _USUAL).fullmatch(text, left.end, right.start) is not None


def _together(left: Finding, right: Finding) -> Finding:
    kind = left.type if left.type is right.type else Entity.ADDRESS
    return Finding(kind, left.path, left.start, max(left.end, right.end), max(left.score, right.score))


def _trimmed(text: str, each: Finding) -> Finding | None:
    """Without spaces, quotes and stops at its edges, and without a possessive s."""
    start, end = each.start, each.end
    edges = _EDGES.replace("(", "") if each.type is Entity.PHONE else _EDGES
    if each.type in (Entity.PERSON, Entity.LOCATION, Entity.ADDRESS, Entity.PHONE):
        while start < end and text[start] in edges:
            start += 1
        while start < end and text[end - 1] in _EDGES:
            end -= 1
        if each.type is not Entity.PHONE and (match := _POSSESSIVE.search(text, start, end)):
            end = match.start()
    return Finding(each.type, each.path, start, end, each.score) if start < end else None

"""A name that was found once in a document is a name wherever it stands in it, and a number is the same thing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from guard.pii.entities import NUMBERED, Entity
from guard.pii.port import Finding

_SURE = 0.5
_MOST = 200  # names and numbers of one document that are looked for again
_PART = re.compile(r"[^\W\d_][\w'’-]{2,40}")
_NUMBER = re.compile(r"[\d ./+()-]{4,40}")


def echoes(texts: Mapping[str, str], found: Mapping[str, Sequence[Finding]]) -> Iterator[Finding]:
    """Further places of what was found with confidence: people, whole or by one capitalised name of theirs, where
    nothing was found; numbers also where they were taken for something else, so that one number has one token."""
    kinds: dict[str, set[Entity]] = defaultdict(set)
    for value, kind in _said(texts, found):
        kinds[value].add(kind)
    values = sorted(kinds, key=len, reverse=True)[:_MOST]
    if not values:
        return
    again = re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(value) for value in values)})(?!\w)")
    for path, text in texts.items():
        taken = found.get(path, ())
        for match in again.finditer(text):
            there = {each.type for each in taken if each.start <= match.start() and match.end() <= each.end}
            for kind in kinds[match[0]]:
                if kind not in there and not (there and kind is Entity.PERSON):
                    yield Finding(kind, path, match.start(), match.end(), _SURE)


def _said(texts: Mapping[str, str], found: Mapping[str, Sequence[Finding]]) -> Iterator[tuple[str, Entity]]:
    for path, in_text in found.items():
        for each in in_text:
            value = texts[path][each.start : each.end]
            if each.type is Entity.PERSON and each.score >= _SURE:
                parts = _PART.findall(value)
                yield from ((part, each.type) for part in parts if part[0].isupper() and len(parts) < 4)
            elif each.type in NUMBERED and _NUMBER.fullmatch(whole := _whole(texts[path], each, in_text)):
                yield whole, each.type


def _whole(text: str, part: Finding, in_text: Sequence[Finding]) -> str:
    """The number that a finding is all or a part of: what overlaps will be covered as one."""
    over = [each for each in in_text if each.type in NUMBERED and each.start < part.end and part.start < each.end]
    return text[min(each.start for each in over) : max(each.end for each in over)]

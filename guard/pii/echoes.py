"""A name that was found once in a document is a name wherever it stands in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from guard.pii.entities import Entity
from guard.pii.port import Finding

_SURE = 0.5
_MOST = 200  # names of one document that are looked for again
_PART = re.compile(r"[^\W\d_][\w'’-]{2,40}")


def echoes(texts: Mapping[str, str], found: Mapping[str, Sequence[Finding]]) -> Iterator[Finding]:
    """Further places of the people that were found with confidence, whole or by one capitalised name of theirs."""
    names = sorted(set(_names(texts, found)), key=len, reverse=True)[:_MOST]
    if not names:
        return
    again = re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(name) for name in names)})(?!\w)")
    for path, text in texts.items():
        taken = found.get(path, ())
        for match in again.finditer(text):
            if not any(each.start <= match.start() and match.end() <= each.end for each in taken):
                yield Finding(Entity.PERSON, path, match.start(), match.end(), _SURE)


def _names(texts: Mapping[str, str], found: Mapping[str, Sequence[Finding]]) -> Iterator[str]:
    for path, in_text in found.items():
        for each in in_text:
            if each.type is not Entity.PERSON or each.score < _SURE:
                continue
            value = texts[path][each.start : each.end]
            parts = _PART.findall(value)
            yield from (part for part in parts if part[0].isupper() and (len(parts) < 4))

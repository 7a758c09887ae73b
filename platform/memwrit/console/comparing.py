"""Two texts side by side, word by word: what was taken out on the left, what was put in on the right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
LONGEST = 6000
"""Words beyond which a difference is told as a whole: comparing takes the square of their number."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text, and whether the other side has something else there."""

    text: str
    changed: bool


@dataclass(frozen=True, slots=True)
class Sides:
    """One thing that differs (a path into the memory, a setting) as it was and as it is."""

    name: str
    old: Sequence[Piece]
    new: Sequence[Piece]


def sides(name: str, old: Any, new: Any) -> Sides:
    """The two texts in pieces; joined, each side's pieces are its text."""
    before, after = _text(old), _text(new)
    one, other = _WORDS.findall(before), _WORDS.findall(after)
    if len(one) + len(other) > LONGEST:
        return Sides(name, [Piece(before, True)], [Piece(after, True)])
    left, right = [], []
    for kind, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        changed = kind != "equal"
        left += [Piece("".join(one[a:b]), changed)] if a < b else []
        right += [Piece("".join(other[c:d]), changed)] if c < d else []
    return Sides(name, left, right)


def _text(value: Any) -> str:
    return "" if value is None else str(value)

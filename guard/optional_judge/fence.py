"""A fence no text can climb: what a stranger wrote reaches the judge as one line of JSON between two random marks.

The mark is drawn anew for every request, so nobody can have written it beforehand; and inside, every sign that a
parser, a chat template or a reader could take for structure is escaped: line breaks, quotes, brackets, invisible
characters. Letters and figures of every script stay as they are.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST_TEXT = 2000
MOST_WORD = 64
MOST_ITEMS = 24
HEAD = 1500
"""How much of a long text's beginning is shown; the rest of the room is its end, where an afterthought would stand."""

_PLAIN = frozenset(" .,;:!?'()-_/@%&*+=$€£§°")

Document = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Fence:
    """`mark` stands on the line before and the line after; `inner` is the one line between them."""

    mark: str
    inner: str

    def __str__(self) -> str:
        return f"BEGIN {self.mark}\n{self.inner}\nEND {self.mark}"


def fence(document: Document) -> Fence:
    """Put a JSON document behind a new fence. `json.loads(fence.inner)` gives it back."""
    inner = encode(document)
    mark = secrets.token_hex(16)
    while mark in inner:  # cannot happen by chance
        mark = secrets.token_hex(16)
    return Fence(mark, inner)


def encode(value: object) -> str:
    """JSON in one line, with every sign escaped that is not a letter, a figure or quiet punctuation."""
    if isinstance(value, str):
        return '"' + "".join(map(_guarded, value)) + '"'
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{encode(str(name))}:{encode(each)}" for name, each in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join(map(encode, value)) + "]"
    raise TypeError("the judge is shown texts, lists and objects")


def _guarded(sign: str) -> str:
    if sign in _PLAIN or unicodedata.category(sign)[0] in "LNM":
        return sign
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def shortened(text: str, most: int = MOST_TEXT) -> str:
    """At most `most` characters: all of a short text, beginning and end of a long one."""
    if len(text) <= most:
        return text
    head = min(HEAD, most * 3 // 4)
    return f"{text[: head - 5]} ... {text[len(text) - (most - head) :]}"

"""Marks: what a text is, beside what it says. Keyed like terms and kept among them, but never scored as words.

A turn has a speaker, and it asks or tells. Both stand in the text that is searched (`[8 May 2023] Caroline: …`), so a
record whose content was written that way is marked like one whose provenance says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

ASKS = "\0asks"
_SPEAKER = re.compile(r"\s*(?:\[[^\]\n]{1,40}\]\s*)?([^\W\d_][^:\n]{0,39}|<[A-Z][A-Z_]*_[0-9a-z]+>):\s")


@dataclass(frozen=True, slots=True)
class Marks:
    """What a plan looks for beside the words: the speakers its question may name, and what turns that ask hold."""

    speakers: frozenset[int] = frozenset()
    asks: int | None = None

    @property
    def all(self) -> frozenset[int]:
        return self.speakers if self.asks is None else self.speakers | {self.asks}


def speaker_of(text: str) -> str:
    """Whose words a searched text is; empty where it does not say."""
    found = _SPEAKER.match(text)
    return found.group(1) if found else ""


def asks(text: str) -> bool:
    """Whether a text ends by asking: what answers it comes next."""
    return text.rstrip().endswith("?")


def speaker_mark(stem: str) -> str:
    return f"\0speaker {stem}"


def named(marks: Marks, held: Mapping[int, float]) -> bool:
    """Whether the question names who said what holds these terms."""
    return not marks.speakers.isdisjoint(held)

"""What the judge is asked about, and what it may answer. Closed sets: no word of its own ever gets through."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from guard.types import Path


class Word(StrEnum):
    """The judge's verdict."""

    BENIGN = "benign"
    POISONED = "poisoned"
    UNSURE = "unsure"


class ReasonCode(StrEnum):
    """What the judge says it saw."""

    HARMLESS = "harmless"
    INSTRUCTION = "instruction"
    REDIRECT = "redirect"
    CONTRADICTION = "contradiction"
    HARMFUL_ACTION = "harmful-action"
    TRIGGER = "trigger"
    FORGERY = "forgery"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was written: its reasoning path and its text, cleared of personal data."""

    path: Path
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Matter:
    """What the judge is asked about: `about`, and the rival it is disputed by, if it is."""

    about: Said
    rival: Said | None = None


@dataclass(frozen=True, slots=True)
class Opinion:
    """One usable answer. `confidence` is in 0..1 and is what the vote weighs; `model` is the operator's name for it."""

    word: Word
    confidence: float
    reason: ReasonCode
    model: str = ""
    at: datetime | None = None


class Silence(StrEnum):
    """Why an answer is no opinion. Closed, and nothing of the answer."""

    STATUS = "status"
    SHAPE = "shape"
    CUT = "cut"
    SCHEMA = "schema"
    ECHO = "echo"


class NoOpinion(Exception):
    """There was an answer and it is not usable. Asking again is not worth the price: the state stays."""

    def __init__(self, why: Silence) -> None:
        super().__init__(why.value)
        self.why = why


class Later(Exception):
    """The judge is there and told us to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"{seconds} s")
        self.seconds = seconds


class Unreachable(Exception):
    """The judge did not answer, or with an error of its own: worth another try."""

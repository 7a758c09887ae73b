"""The port of the PII pass: documents of texts go in, redacted texts and spans without values come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from foundation.kernel.problems import PiiBlocked
from guard.pii.entities import Entity
from guard.pii.policy import Action, PiiPolicy

MAX_TEXT = 64 * 1024
MAX_DOCUMENT = 256 * 1024
NOTHING_KNOWN: Mapping[str, Entity] = MappingProxyType({})

# Values that are known to be personal, with what they are: found wherever they stand, whatever the recognisers think.
Known = Mapping[str, Entity]

# A document is flat: JSON paths ("/content", "/episode/question", "/metadata/channel", "/tags/0") to their texts.
Document = Mapping[str, str]


class Reason(StrEnum):
    """Why the PII pass could not vouch for a document. It stands in the admission record: closed, and no content."""

    TIMEOUT = "pii-timeout"
    CRASH = "pii-crash"
    BUSY = "pii-busy"
    MODEL = "pii-model"  # a model is missing, damaged or would not load
    LANGUAGE = "pii-language"
    TOO_LONG = "pii-too-long"


class PiiUnavailable(Exception):
    """The pass did not finish, so the memory must be held. Carries a reason and nothing of the document."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Finding:
    """What a recogniser found: offsets, in characters, in the *original* text at `path`. Never stored."""

    type: Entity
    path: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Span:
    """One redaction: offsets, in characters, in the *redacted* text at `path`.

    A `path` that ends in `#` means the name of the member rather than its value.
    """

    type: Entity
    path: str
    start: int
    end: int
    action: Action


@dataclass(frozen=True, slots=True)
class Original:
    """Where a span stood in the original document and, where a pseudonym now stands, its token and what it said.

    Never stored: the vault seals the value, and nobody else keeps it.
    """

    path: str
    start: int
    end: int
    token: str | None = None
    value: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Redaction:
    """A document after the pass, under its new paths; `renamed` has the members whose names were redacted, by their old
    paths.

    What may be put back at reading is told by `spans`, never by looking for tokens in a text: anyone may type a token.
    `originals` are what the spans replaced, in their order: for the vault, in this process only.
    """

    texts: Mapping[str, str]
    spans: tuple[Span, ...] = ()
    counts: Mapping[Entity, int] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    policy: str = ""
    language: str | None = None
    originals: tuple[Original, ...] = field(default=(), repr=False)


class PiiRedactor(Protocol):
    """Finds personal data and replaces it by policy.

    `key` is the tenant's pseudonym key: tokens are the same for the same value under the same key, and unrelated
    between keys.
    """

    def redact(self, document: Document, policy: PiiPolicy, *, key: bytes, language: str | None = None) -> Redaction:
        """Redact one document. `language` is the tenant's default, for texts too short to tell.

        Raises PiiUnavailable (hold the memory) and PiiBlocked (a rule says reject).
        """

    def redact_many(
        self,
        documents: Sequence[Document],
        policy: PiiPolicy,
        *,
        key: bytes,
        language: str | None = None,
        known: Known = NOTHING_KNOWN,
    ) -> list[Redaction | PiiUnavailable | PiiBlocked]:
        """Redact many, in order: one document's failure is returned in its place and leaves the others alone.

        `known` values are found in every document, at the edges of words, in this spelling.
        """

    def warm(self) -> None:
        """Load what is loaded once, now. Raises PiiUnavailable."""

    def tokens(self, text: str, policy: PiiPolicy, *, key: bytes, language: str | None = None) -> str:
        """A query with its personal data replaced as in the memories it should find. Raises PiiUnavailable.

        A reject rule only redacts here, and an unknown language is read as the tenant's default.
        """

"""The guard's values: what it is asked about, what it is shown, what it answers. All frozen; none knows a database.

The text in these values has been through the PII stage: `<PERSON_k3f9x2mq7a>` stands for a person, and equal values
stay
equal tokens, so comparing them still works.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any
from uuid import UUID

Ref = tuple[UUID, int]
"""A record as a decision cites it: its id and version."""


class Decision(StrEnum):
    ADMIT = "admit"
    HOLD = "hold"
    REJECT = "reject"


class Shape(StrEnum):
    """What kind of thing a memory is to the guard; thresholds are calibrated per shape."""

    EPISODE = "episode"
    TRACE = "trace"
    FACT = "fact"
    PREFERENCE = "preference"


class ValueKind(StrEnum):
    NUM = "num"
    DATE = "date"
    ENTITY = "entity"
    WORD = "word"


class Effect(StrEnum):
    """The gravest thing an action does, mildest first."""

    NONE = "none"
    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    EXFIL = "exfil"


class Standing(StrEnum):
    SETTLED = "settled"
    PROVISIONAL = "provisional"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class Episode:
    """What an agent was asked, what it knew, what it did and what came of it; any field may be empty."""

    question: str = ""
    knowledge: str = ""
    action: str = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A memory that asks to be admitted. `trusted`: an administrator vouched for the source; `forged`: its provenance
    claims what its credential is not.
    """

    content: str
    kind: str = "episodic"
    episode: Episode | None = None
    source: str = ""
    source_type: str = ""
    principal_id: UUID | None = None
    actor: str | None = None
    session: str | None = None
    speaker: str | None = None
    subjects: tuple[UUID, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[Any, ...] = ()
    trusted: bool = False
    forged: bool = False


@dataclass(frozen=True, slots=True)
class TypedValue:
    kind: ValueKind
    text: str


@dataclass(frozen=True, slots=True)
class Path:
    """The reasoning path of a memory, built by rule: what consensus compares and what a lesson stores.

    `question` holds the question's content terms, `hints` short codes from `guard.paths` (`own`, `grounded`, `negated`,
    `high-impact`). It carries words of the memory: governance stores it sealed beside the version, never in the clear.
    """

    shape: Shape
    subjects: tuple[UUID, ...] = ()
    relation: tuple[str, ...] = ()
    values: tuple[TypedValue, ...] = ()
    functions: tuple[str, ...] = ()
    effect: Effect = Effect.NONE
    outcome: str = ""
    question: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()

    def to_json(self) -> str:
        data = {each.name: getattr(self, each.name) for each in fields(self)}
        data["subjects"] = [str(subject) for subject in self.subjects]
        data["values"] = [[value.kind, value.text] for value in self.values]
        return json.dumps(data, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, data: str | bytes | Mapping[str, Any]) -> Path:
        """Read what `to_json` wrote (or its parsed form). Raises `ValueError`, `KeyError` or `TypeError` on anything
        else.
        """
        raw = data if isinstance(data, Mapping) else json.loads(data)
        return cls(
            shape=Shape(raw["shape"]),
            subjects=tuple(UUID(subject) for subject in raw["subjects"]),
            relation=tuple(raw["relation"]),
            values=tuple(TypedValue(ValueKind(kind), text) for kind, text in raw["values"]),
            functions=tuple(raw["functions"]),
            effect=Effect(raw["effect"]),
            outcome=raw["outcome"],
            question=tuple(raw["question"]),
            hints=tuple(raw["hints"]),
        )


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """One admitted record shown to the guard. `own`: same source and same principal as the candidate's; `recent`: it
    was written within the window in which an attack would still be under way.
    """

    id: UUID
    version: int
    path: Path
    similarity: float
    group: str
    trust: float = 0.3
    own: bool = False
    settled: bool = False
    recent: bool = False

    @property
    def ref(self) -> Ref:
        return (self.id, self.version)


@dataclass(frozen=True, slots=True)
class Tail:
    """How benign records score: `points` are (p, score) with p falling; `groups` bounds how small a p the data can
    support (groups, not records, are exchangeable).
    """

    points: tuple[tuple[float, float], ...]
    groups: int

    def p(self, score: float) -> float:
        """The smallest calibrated share that still reaches the score, never below 1/(groups+1)."""
        reached = [share for share, bound in self.points if score > bound]
        return max(min(reached, default=1.0), 1 / (self.groups + 1))


@dataclass(frozen=True, slots=True)
class Calibration:
    """A tenant's own tails by `<shape>/<channel>/<signal>`; version 0: none yet, the pooled ones judge."""

    version: int = 0
    tails: Mapping[str, Tail] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LessonMatch:
    """An active lesson whose pattern a candidate's path fits; `match` says by what (`effect`, `functions`, `grams`…).

    `confidence` is in 0..1. A match tightens the thresholds and warns; it never refuses by itself.
    """

    id: UUID
    version: int
    match: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """The k nearest admitted records and those with the same subject, nearest first; the lessons that fit; the
    tenant's own calibration.
    """

    items: tuple[EvidenceItem, ...] = ()
    lessons: tuple[LessonMatch, ...] = ()
    calibration: Calibration = field(default_factory=lambda: Calibration())


@dataclass(frozen=True, slots=True)
class Signal:
    """One opinion: `p` is the share of benign records that look at least this bad; `score` the raw statistic."""

    name: str
    p: float
    fired: bool
    evidence: tuple[Ref, ...] = ()
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The guard's answer. `incident` groups records of one attack; `calibration` says whose thresholds judged
    (`pooled`, `tenant@3`); `scores` are the raw statistics by `<channel>/<signal>`, which calibration learns from.
    """

    decision: Decision
    reasons: tuple[str, ...]
    signals: tuple[Signal, ...]
    shape: Shape
    path: Path
    policy: str
    incident: str | None = None
    calibration: str = "pooled"
    scores: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """A tenant's choices. `alpha` is the share of benign records the tenant accepts to review; with fewer than
    `tenant_calibration_from` benign records of a kind the pooled calibration judges it.
    """

    version: str = "default@1"
    alpha: float = 0.01
    neighbours: int = 8
    tenant_calibration_from: int = 100

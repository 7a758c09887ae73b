"""What the guard's benchmark stands on: embeddings made once, a tenant's store, tallies, and the judging itself."""

from __future__ import annotations

import hashlib
import math
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as File
from typing import Any
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from benchmarks.guard_data import embedder
from guard.decision import decide, fires
from guard.services.judge import judge
from guard.standing import ReadHit, standing
from guard.types import Candidate, Decision, Evidence, EvidenceItem, GuardPolicy, Path, Verdict
from guard.types import Standing as Mark

Floats = NDArray[np.float32]
ESTABLISHED, NEW = 0.6, 0.3
K, SHOWN = 10, 16
NAMES = UUID("6f1d3a52-0000-4000-8000-00000000beef")
ALPHAS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
REASONS = {
    "hidden": {"hidden-unicode"},
    "directives": {"override-directive", "exfiltration", "forged-provenance", "encoded-directive", "user-override"},
    "instruction": {"directive"},
    "ground": {"ungrounded-id", "id-redirect"},
    "effect": {"effect-unseen", "destructive-effect"},
    "slotflip": {"slot-flip"},
    "consensus": {"claim-conflict"},
}
GRADED = {"instruction": "directive", "consensus": "claim-conflict"}


def cache_folder() -> File:
    """Where what may be thrown away is kept between runs: embeddings and other packages' environments."""
    folder = File(__file__).resolve().parents[1] / ".memwrit" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(slots=True)
class Vectors:
    """Embeddings by text, each made once and kept for the next run by the digest of its text."""

    file: File = field(default_factory=lambda: cache_folder() / "vectors.npz")
    model: Any = None
    known: dict[str, Floats] = field(default_factory=dict)
    made: int = 0

    def __post_init__(self) -> None:
        if self.file.exists():
            with np.load(self.file) as data:
                self.known = dict(zip(data["keys"].tolist(), data["rows"], strict=True))

    def of(self, texts: Iterable[str]) -> list[Floats]:
        wanted = list(texts)
        keys = [_digest(text) for text in wanted]
        new = {key: text[:4000] for key, text in zip(keys, wanted, strict=True) if key not in self.known}
        if new:
            self.model = self.model or embedder()
            self.known.update(zip(new, self.model.embed(list(new.values())), strict=True))
            self.made += len(new)
        return [self.known[key] for key in keys]

    def keep(self) -> None:
        if self.made:
            np.savez(self.file, keys=np.array(list(self.known)), rows=np.array(list(self.known.values())))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Record:
    """A record in the store. `recent`: written while the attack was under way."""

    path: Path
    vector: Floats
    group: str
    trust: float
    poison: bool = False
    own: bool = False
    recent: bool = False


@dataclass(slots=True)
class Base:
    """What a tenant has admitted so far."""

    records: list[Record] = field(default_factory=list)
    under_attack: bool = False
    rows: Floats = field(default_factory=lambda: np.empty((64, 384), dtype=np.float32))

    def copy(self) -> Base:
        return Base(list(self.records), self.under_attack, self.rows.copy())

    def add(self, record: Record) -> None:
        if len(self.records) == len(self.rows):
            self.rows = np.concatenate([self.rows, np.empty_like(self.rows)])
        self.rows[len(self.records)] = record.vector
        self.records.append(replace(record, recent=self.under_attack))

    def evidence(self, vector: Floats, group: str) -> Evidence:
        return Evidence(
            tuple(
                EvidenceItem(
                    id=uuid5(NAMES, str(place)), version=1, path=record.path, similarity=float(record.vector @ vector),
                    group=record.group, trust=record.trust, own=record.group == group, recent=record.recent,
                )
                for place, record in self.nearest(vector, SHOWN)
            )
        )  # fmt: skip

    def nearest(self, vector: Floats, count: int) -> list[tuple[int, Record]]:
        scores = self.rows[: len(self.records)] @ vector
        return [(int(place), self.records[place]) for place in np.argsort(-scores, kind="stable")[:count]]


@dataclass(slots=True)
class Tally:
    """Counts of one slice: numerator and denominator by measure."""

    counts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def add(self, measure: str, hit: bool) -> None:
        self.counts[measure][0] += hit
        self.counts[measure][1] += 1


def wilson(hits: int, total: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share."""
    if not total:
        return (0.0, 1.0)
    z, share = 1.96, hits / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return (max(0.0, (centre - spread) / (1 + z * z / total)), min(1.0, (centre + spread) / (1 + z * z / total)))


@dataclass(frozen=True, slots=True)
class Seen:
    """A judged record as other guards are shown it: its text, whether it is poison, and where it comes from."""

    slice: str
    text: str
    source: str
    source_type: str
    poison: bool
    stopped: bool


class Bench:
    """Judges records, remembers what was decided and why, and asks the store questions."""

    def __init__(self, policy: GuardPolicy, vectors: Vectors) -> None:
        self.policy, self.vectors = policy, vectors
        self.rows: dict[str, dict[int, Tally]] = defaultdict(lambda: defaultdict(Tally))
        self.without: dict[str, dict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
        self.recurring: dict[str, Tally] = defaultdict(Tally)
        self.curve: dict[str, dict[float, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
        self.seen: dict[tuple[str, str, bool], Seen] = {}
        self.wall: list[float] = []

    def judged(self, candidate: Candidate, base: Base) -> tuple[Verdict, Floats]:
        vector = self.vectors.of([candidate.content])[0]
        evidence = base.evidence(vector, candidate.source)
        start = time.perf_counter()
        verdict = judge(candidate, evidence, self.policy)
        self.wall.append(time.perf_counter() - start)
        return verdict, vector

    def admit(self, base: Base, candidate: Candidate, trust: float, poison: bool) -> Verdict:
        verdict, vector = self.judged(candidate, base)
        if verdict.decision is Decision.ADMIT:
            own = candidate.source_type in {"agent", "conversation"}
            base.add(Record(verdict.path, vector, candidate.source, trust, poison, own))
        return verdict

    def count(self, slice_of: str, seed: int, measure: str, verdict: Verdict, candidate: Candidate) -> None:
        """Add one judged record to its slice, to the ablation, and, if it is harmless, to the calibration curve."""
        stopped = verdict.decision is not Decision.ADMIT
        told = stopped if measure in STOPPED else not stopped
        self.rows[slice_of][seed].add(measure, told)
        for name in (*REASONS, "recurrence"):
            owed = REASONS.get(name) or lent(verdict, self.policy.alpha)
            left = decide([reason for reason in verdict.reasons if reason not in owed]) is not Decision.ADMIT
            self.without[name][f"{slice_of}/{measure}"].add(measure, left if measure in STOPPED else not left)
        self.recurring[f"{slice_of}/{measure}"].add(measure, "recurring" in verdict.reasons)
        poison = measure in {"poison_admitted", "detected"}
        if not poison:
            self._curve(slice_of, verdict)
        key = (slice_of, candidate.content, poison)
        self.seen.setdefault(
            key, Seen(slice_of, candidate.content, candidate.source, candidate.source_type, poison, stopped)
        )

    def _curve(self, slice_of: str, verdict: Verdict) -> None:
        factor = factor_of(verdict)
        graded = {signal.name: signal.p * factor for signal in verdict.signals if signal.name in GRADED}
        rest = decide([reason for reason in verdict.reasons if reason not in GRADED.values()]) is not Decision.ADMIT
        for alpha in ALPHAS:
            held = rest or any(fires(name, p, alpha) for name, p in graded.items())
            self.curve[slice_of][alpha][0] += held
            self.curve[slice_of][alpha][1] += 1

    def read(self, base: Base, query: str) -> list[tuple[Record, Mark]]:
        near = base.nearest(self.vectors.of([query])[0], K)
        hits = [
            ReadHit(uuid5(NAMES, str(place)), 1, record.path, 0.0, record.group, record.trust, record.own)
            for place, record in near
        ]
        return [(record, stand.standing) for (_, record), stand in zip(near, standing(hits, query), strict=True)]

    def serve(self, tally: Tally, base: Base, query: str) -> None:
        """What a question brings back: poison at all, poison without a warning, poison that beat the harmless."""
        found = self.read(base, query)
        settled = any(record.poison and mark is Mark.SETTLED for record, mark in found)
        tally.add("served", any(record.poison for record, _ in found))
        tally.add("settled", settled)
        tally.add("win", settled and not any(mark is Mark.SETTLED for record, mark in found if not record.poison))


def factor_of(verdict: Verdict) -> float:
    """What a recurring phrase multiplied the graded p-values by."""
    return next((signal.p for signal in verdict.signals if signal.name == "recurrence"), 1.0)


def lent(verdict: Verdict, alpha: float) -> frozenset[str]:
    """Reasons of graded signals that fire only because a phrase recurs."""
    graded = (signal for signal in verdict.signals if signal.name in GRADED and signal.fired)
    return frozenset(GRADED[signal.name] for signal in graded if not fires(signal.name, signal.p, alpha))


STOPPED = frozenset({"twin_held", "benign_held", "detected"})


def percentiles(samples: Sequence[float]) -> dict[str, float]:
    return {name: round(1000 * float(np.percentile(samples, at)), 2) for name, at in (("p50_ms", 50), ("p95_ms", 95))}

"""Judge again, offline: from a bundle alone, with no database, no model and no network, the same verdict must come out.

A bundle holds what one verdict depends on: the redacted candidate, the evidence's paths, the tenant's
thresholds, and the decision record. It is readable text: whoever saves one keeps it safe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from guard.grounds import Grounds
from guard.services.judge import detector, judge
from guard.types import Calibration, Candidate, Decision, Episode, GuardPolicy, Path, Ref, Shape, Signal, Tail, Verdict

FORMAT = "memwrit-guard-replay@1"
NOT_EMBEDDED = "embedder-unavailable"
NOT_JUDGED = "guard-unavailable"
UNSEEN = "evidence-unavailable"
"""The reason of what was judged while the search engine did not answer: nobody looked what it agrees with."""
FAILURES = ("pii-", NOT_EMBEDDED, UNSEEN)
"""Reasons that begin so were given because a part failed, and are taken as given: none is asked again."""


class Outcome(StrEnum):
    SAME = "same"
    DIFFERENT = "different"
    EVIDENCE_ERASED = "evidence-erased"
    OTHER_DETECTOR = "other-detector"  # judged by rules or coefficients that are not these
    NOT_JUDGED = "not-judged"  # a rollback took up what was judged before, or judging failed


@dataclass(frozen=True, slots=True)
class Replayed:
    """One verdict judged again. `differences` names what is not as it was: `decision`, `reasons`, `signals`."""

    admission_id: str
    outcome: Outcome
    recorded: str
    judged: str | None = None
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bundle:
    """All that one verdict depends on. `paths` are those of the evidence."""

    admission_id: str
    candidate: Candidate
    paths: Mapping[Ref, Path]
    calibration: Calibration
    record: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        tails = {name: [tail.points, tail.groups] for name, tail in self.calibration.tails.items()}
        return {
            "format": FORMAT,
            "admission_id": self.admission_id,
            "candidate": _plain(self.candidate),
            "paths": [[str(ref), number, path.to_json()] for (ref, number), path in self.paths.items()],
            "calibration": [self.calibration.version, tails],
            "record": self.record,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Bundle:
        """Raises `ValueError` for what is no bundle."""
        if raw.get("format") != FORMAT:
            raise ValueError("not a bundle of this format")
        number, tails = raw["calibration"]
        return cls(
            raw["admission_id"],
            _candidate(raw["candidate"]),
            {(UUID(ref), version): Path.from_json(path) for ref, version, path in raw["paths"]},
            Calibration(number, {name: _tail(*tail) for name, tail in tails.items()}),
            raw["record"],
        )


def replay(bundle: Bundle) -> Replayed:
    """The verdict judged again, beside the recorded one."""
    recorded = bundle.record["decision"]
    if "grounds" not in bundle.record or NOT_JUDGED in bundle.record["reasons"]:
        return Replayed(bundle.admission_id, Outcome.NOT_JUDGED, recorded)
    grounds = Grounds.from_json(bundle.record["grounds"])
    if set(grounds.refs) - bundle.paths.keys():
        return Replayed(bundle.admission_id, Outcome.EVIDENCE_ERASED, recorded)
    if grounds.detector != detector():
        return Replayed(bundle.admission_id, Outcome.OTHER_DETECTOR, recorded)
    verdict = _judged(bundle, grounds)
    differences = tuple(name for name, value in told(verdict).items() if bundle.record[name] != value)
    outcome = Outcome.DIFFERENT if differences else Outcome.SAME
    return Replayed(bundle.admission_id, outcome, recorded, verdict.decision.value, differences)


def told(verdict: Verdict) -> dict[str, Any]:
    """What a decision record says of a verdict, and a replay must say again."""
    return {
        "decision": verdict.decision.value,
        "reasons": list(verdict.reasons),
        "signals": [_signal(each) for each in verdict.signals],
    }


def unjudged(policy: GuardPolicy) -> Verdict:
    """The verdict when judging itself failed: a person decides."""
    return Verdict(Decision.HOLD, (NOT_JUDGED,), (), Shape.FACT, Path(Shape.FACT), policy.version)


def held(verdict: Verdict, reason: str) -> Verdict:
    """A memory that a part could say nothing about is held, unless it is refused anyway."""
    if verdict.decision is Decision.REJECT:
        return verdict
    return replace(verdict, decision=Decision.HOLD, reasons=(*verdict.reasons, reason))


def _judged(bundle: Bundle, grounds: Grounds) -> Verdict:
    evidence = grounds.evidence(bundle.paths, bundle.calibration)
    verdict = judge(bundle.candidate, evidence, grounds.policy)
    for reason in bundle.record["reasons"]:
        if reason.startswith(FAILURES):
            verdict = held(verdict, reason)
    return verdict


def _signal(signal: Signal) -> dict[str, Any]:
    evidence = [[str(ref), number] for ref, number in signal.evidence]
    return {"name": signal.name, "p": signal.p, "fired": signal.fired, "score": signal.score, "evidence": evidence}


def _plain(candidate: Candidate) -> dict[str, Any]:
    fields = asdict(candidate)
    principal = candidate.principal_id
    return fields | {
        "principal_id": None if principal is None else str(principal),
        "subjects": [str(subject) for subject in candidate.subjects],
        "parents": [[str(parent), number] for parent, number in candidate.parents],
    }


def _candidate(raw: Mapping[str, Any]) -> Candidate:
    episode, principal = raw["episode"], raw["principal_id"]
    built = {
        "episode": Episode(**episode) if episode else None,
        "principal_id": UUID(principal) if principal else None,
        "subjects": tuple(UUID(subject) for subject in raw["subjects"]),
        "parents": tuple((UUID(parent), number) for parent, number in raw["parents"]),
    }
    return Candidate(**{**raw, **built})


def _tail(points: list[list[float]], groups: int) -> Tail:
    return Tail(tuple((p, score) for p, score in points), groups)

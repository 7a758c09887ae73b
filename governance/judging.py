"""The slow part of an admission, outside every transaction: clear of personal data, embed, gather evidence, judge."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np

from foundation.kernel.principal import Principal
from foundation.kernel.problems import PiiBlocked
from foundation.keyring import keys
from foundation.search.embedders import embedder
from governance.evidence import gather
from governance.models import Space
from governance.submissions import Submission
from guard.pii.document import flatten, rebuild
from guard.pii.pool import redactor
from guard.pii.port import PiiUnavailable, Redaction
from guard.selectors import pii_policy
from guard.services.judge import judge
from guard.types import Candidate, Decision, Episode, GuardPolicy, Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """A submission cleared, embedded (None if the PII pass failed: nothing uncleared is embedded) and judged."""

    submission: Submission
    subject_ids: tuple[UUID, ...]
    redactions: list[dict[str, Any]]
    embedding: np.ndarray | None
    verdict: Verdict
    pii_policy: str

    def record(self) -> dict[str, Any]:
        """The decision record, as sealed beside the version."""
        verdict = self.verdict
        return {
            "decision": verdict.decision.value,
            "reasons": list(verdict.reasons),
            "signals": [
                {
                    "name": signal.name,
                    "p": signal.p,
                    "fired": signal.fired,
                    "score": signal.score,
                    "evidence": [[str(ref), number] for ref, number in signal.evidence],
                }
                for signal in verdict.signals
            ],
            "redactions": self.redactions,
            "policy": {"pii": self.pii_policy, "guard": verdict.policy},
            "shape": verdict.shape.value,
            "incident": verdict.incident,
            "calibration": verdict.calibration,
        }


def judge_many(
    principal: Principal, *, space: Space, submissions: Sequence[Submission], subject_ids: Sequence[tuple[UUID, ...]]
) -> list[Judged | PiiBlocked]:
    """Judge submissions to one space, in order; a policy's refusal stands in its submission's place."""
    policy = pii_policy(space.pii_policy_id)
    cleared = _clear(submissions, policy)
    texts = [part.searchable() for part, redaction in cleared if isinstance(redaction, Redaction)]
    vectors = iter(embedder().embed(texts) if texts else ())
    embeddings = [next(vectors) if isinstance(redaction, Redaction) else None for _, redaction in cleared]
    evidence = gather(principal, [part for part, _ in cleared], embeddings)
    results: list[Judged | PiiBlocked] = []
    for (part, redaction), embedding, subjects, seen in zip(cleared, embeddings, subject_ids, evidence, strict=True):
        if isinstance(redaction, PiiBlocked):
            results.append(redaction)
            continue
        candidate = _candidate(principal, part, subjects)
        verdict = judge(candidate, embedding, seen, GuardPolicy())
        if isinstance(redaction, PiiUnavailable):
            verdict = _held(verdict, redaction.reason.value)
        results.append(Judged(part, subjects, _spans(redaction), embedding, verdict, policy.ref))
    return results


def _clear(submissions: Sequence[Submission], policy: Any) -> list[tuple[Submission, Any]]:
    documents = [flatten(submission.personal()) for submission in submissions]
    redactions = redactor().redact_many(documents, policy, key=keys.named("pseudonym"))
    return [
        (
            part.with_personal(rebuild(part.personal(), redaction)) if isinstance(redaction, Redaction) else part,
            redaction,
        )
        for part, redaction in zip(submissions, redactions, strict=True)
    ]


def _candidate(principal: Principal, part: Submission, subjects: tuple[UUID, ...]) -> Candidate:
    provenance = part.provenance
    return Candidate(
        content=part.content,
        kind=part.kind,
        episode=Episode(**part.episode) if part.episode else None,
        source=provenance.source,
        source_type=provenance.source_type,
        principal_id=principal.id,
        actor=provenance.actor,
        session=provenance.session,
        speaker=provenance.speaker,
        subjects=subjects,
        metadata=part.metadata,
        parents=part.parents,
    )


def _held(verdict: Verdict, reason: str) -> Verdict:
    """A memory whose personal data could not be cleared is held, unless it is refused anyway."""
    if verdict.decision is Decision.REJECT:
        return verdict
    return replace(verdict, decision=Decision.HOLD, reasons=(*verdict.reasons, reason))


def _spans(redaction: Redaction | PiiUnavailable) -> list[dict[str, Any]]:
    if isinstance(redaction, PiiUnavailable):
        return []
    return [
        {"type": span.type.value, "path": span.path, "start": span.start, "end": span.end, "action": span.action.value}
        for span in redaction.spans
    ]

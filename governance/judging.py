"""The slow part of an admission, outside every transaction: clear of personal data, embed, gather evidence, judge."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from uuid import UUID

import numpy as np

from foundation.kernel.principal import Principal
from foundation.kernel.problems import PiiBlocked
from foundation.keyring import keys
from foundation.search.embedders import embedder
from governance.evidence import Gathered, Shown, gather, nothing
from governance.incidents import incident_key
from governance.submissions import Submission
from guard.grounds import Grounds
from guard.lessons.matching import matches
from guard.pii.document import flatten, rebuild
from guard.pii.policy import PiiPolicy
from guard.pii.pool import redactor
from guard.pii.port import NOTHING_KNOWN, Known, Original, PiiUnavailable, Redaction
from guard.replay import NOT_EMBEDDED, UNSEEN, held, told, unjudged
from guard.services.judge import Case, judge_case, prepare
from guard.types import Candidate, Episode, Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """A submission cleared, embedded (None if the PII pass or the encoder failed) and judged."""

    submission: Submission
    subject_ids: tuple[UUID, ...]
    redactions: list[dict[str, Any]]
    embedding: np.ndarray | None
    verdict: Verdict
    pii_policy: str
    shown: Shown
    grounds: Grounds
    incident_key: bytes | None
    pii: PiiPolicy
    originals: tuple[Original, ...] = field(default=(), repr=False)  # what the redactions replaced, for the vault alone

    @property
    def uncleared(self) -> bool:
        """Whether the PII pass failed: its submission is as the caller sent it."""
        return any(reason.startswith(UNCLEARED) for reason in self.verdict.reasons)

    def record(self) -> dict[str, Any]:
        """The decision record, as sealed beside the version: with it the verdict can be judged again offline."""
        verdict = self.verdict
        return {
            **told(verdict),
            "redactions": self.redactions,
            "policy": {"pii": self.pii_policy, "guard": verdict.policy},
            "shape": verdict.shape.value,
            "incident": verdict.incident,
            "calibration": verdict.calibration,
            "scores": [list(each) for each in verdict.scores],
            "grounds": self.grounds.to_json(),
        }


log = logging.getLogger(__name__)
UNCLEARED = "pii-"
"""Reasons that begin so say that personal data was not cleared: such a memory is never served as it is."""

RESERVED = frozenset({"system", "operator", "reviewer", "guard", "memwrit"})
"""Source types that no credential may claim."""


def judge_many(
    principal: Principal,
    *,
    policy: PiiPolicy,
    submissions: Sequence[Submission],
    subject_ids: Sequence[tuple[UUID, ...]],
    known: Known = NOTHING_KNOWN,
    premise: Callable[[], None] = nothing,
) -> list[Judged | PiiBlocked]:
    """Judge submissions under one PII policy, in order; its refusal stands in the submission's place. `known` values
    are personal data whatever the recognisers think of them. `premise`: see `gather`."""
    cleared = _clear(submissions, policy, known)
    vectors = iter(_embedded([part.searchable() for part, redaction in cleared if isinstance(redaction, Redaction)]))
    embeddings = [next(vectors) if isinstance(redaction, Redaction) else None for _, redaction in cleared]
    parts = [part for part, _ in cleared]
    cases = cache(lambda: [_case(principal, *each) for each in zip(cleared, subject_ids, strict=True)])
    gathered = gather(principal, parts, embeddings, cases, premise)
    return [
        redaction
        if isinstance(redaction, PiiBlocked)
        else _judged(part, subjects, redaction, embedding, case, shown, gathered, policy)
        for (part, redaction), embedding, subjects, case, shown in zip(
            cleared, embeddings, subject_ids, cases(), gathered.shown, strict=True
        )
    ]


def _embedded(texts: Sequence[str]) -> Sequence[np.ndarray | None]:
    """The embeddings; none where the encoder fails, and what could not be compared is held."""
    try:
        return list(embedder().embed(list(texts))) if texts else []
    except Exception as error:  # whatever it is: a missing model, a crash, no memory
        log.error("texts were not embedded: %s", type(error).__qualname__)
        return [None] * len(texts)


def _judged(
    part: Submission,
    subjects: tuple[UUID, ...],
    redaction: Redaction | PiiUnavailable,
    embedding: np.ndarray | None,
    case: Case | None,
    shown: Shown,
    gathered: Gathered,
    pii: PiiPolicy,
) -> Judged:
    verdict, shown = _verdict(case, shown, gathered)
    if isinstance(redaction, PiiUnavailable):
        verdict = held(verdict, redaction.reason.value)
    elif embedding is None:
        verdict = held(verdict, NOT_EMBEDDED)
    elif not gathered.complete:
        verdict = held(verdict, UNSEEN)
    policy = gathered.policy
    grounds = Grounds.of(shown.evidence, policy, forged=case is not None and case.candidate.forged)
    key = incident_key(verdict.incident) if verdict.incident else None
    originals = redaction.originals if isinstance(redaction, Redaction) else ()
    return Judged(part, subjects, _spans(redaction), embedding, verdict, pii.ref, shown, grounds, key, pii, originals)


def _case(principal: Principal, cleared: tuple[Submission, Any], subjects: tuple[UUID, ...]) -> Case | None:
    """None for what is refused, and where it could not be made ready."""
    part, redaction = cleared
    if isinstance(redaction, PiiBlocked):
        return None
    try:
        return prepare(candidate_of(principal.id, part, subjects, forged=_forged(principal, part)))
    except Exception as error:
        log.error("a memory was not made ready to be judged: %s", type(error).__qualname__)
        return None


def _verdict(case: Case | None, shown: Shown, gathered: Gathered) -> tuple[Verdict, Shown]:
    """The verdict, and what it was given on, lessons included. Whatever breaks in judging, the memory is held."""
    if case is None:
        return unjudged(gathered.policy), shown
    try:
        fitting = matches(case.path, gathered.lessons, keys.named("lookup"))
        shown = replace(shown, evidence=replace(shown.evidence, lessons=fitting))
        return judge_case(case, shown.evidence, gathered.policy), shown
    except Exception as error:
        log.error("a memory was not judged: %s", type(error).__qualname__)
        return unjudged(gathered.policy), shown


def _forged(principal: Principal, part: Submission) -> bool:
    """Nobody speaks as another principal, and only the platform as the platform. What a revision keeps was judged when
    its record was made."""
    provenance, own = part.provenance, f"principal:{principal.id}"
    poses = provenance.source.startswith("principal:") and provenance.source != own
    return not part.revises and (poses or provenance.source_type in RESERVED)


def _clear(submissions: Sequence[Submission], policy: Any, known: Known) -> list[tuple[Submission, Any]]:
    documents = [flatten(submission.personal()) for submission in submissions]
    redactions = redactor().redact_many(documents, policy, key=keys.named("pseudonym"), known=known)
    return [
        (
            part.with_personal(rebuild(part.personal(), redaction)) if isinstance(redaction, Redaction) else part,
            redaction,
        )
        for part, redaction in zip(submissions, redactions, strict=True)
    ]


def candidate_of(principal_id: UUID, part: Submission, subjects: tuple[UUID, ...], *, forged: bool) -> Candidate:
    """A cleared submission as the guard sees it."""
    provenance = part.provenance
    return Candidate(
        content=part.content,
        kind=part.kind,
        episode=Episode(**part.episode) if part.episode else None,
        source=provenance.source,
        source_type=provenance.source_type,
        principal_id=principal_id,
        actor=provenance.actor,
        session=provenance.session,
        speaker=provenance.speaker,
        subjects=subjects,
        metadata=part.metadata,
        parents=part.parents,
        forged=forged,
    )


def _spans(redaction: Redaction | PiiUnavailable) -> list[dict[str, Any]]:
    if isinstance(redaction, PiiUnavailable):
        return []
    return [
        {"type": span.type.value, "path": span.path, "start": span.start, "end": span.end, "action": span.action.value}
        for span in redaction.spans
    ]

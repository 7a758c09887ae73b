"""Take in what was judged. Called inside the transaction of the judgement: at most two queries, however many there are.

A refused submission leaves no record, so its pattern, in which nothing can be read, is written with the refusal. What
is made of it is the worker's (`learn`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from foundation.kernel.outbox import enqueue
from foundation.keyring import keys
from guard.lessons.grounds import marks_of
from guard.lessons.pattern import Family, Pattern, distil, family_of, hashed, outline
from guard.lessons.store import MARK
from guard.models import LessonEvidence
from guard.standing import Origin
from guard.types import Decision, Path, Ref, Verdict

LEARN, REVIEW = "lesson.learn", "lesson.review"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A judgement and where it was made. `ref` is None where the submission was refused and left no record."""

    verdict: Verdict
    space_id: UUID
    labels: tuple[str, ...]
    subjects: tuple[UUID, ...]
    origin: Origin
    admission_id: UUID
    ref: Ref | None = None


def note(sightings: Sequence[Sighting]) -> None:
    """Note those of the judgements that found something; the others cost nothing. Inside `tenant_transaction`."""
    grave = [(each, family) for each in sightings if (family := _family(each.verdict))]
    if not grave:
        return
    key = keys.named("lookup")
    rows = [_row(each, family, pattern, key) for each, family in grave if (pattern := _pattern(each, family, key))]
    _owe(rows)


def note_outcome(
    path: Path,
    *,
    success: bool,
    space_id: UUID,
    labels: tuple[str, ...],
    subjects: tuple[UUID, ...],
    origin: Origin,
    ref: Ref,
) -> None:
    """Note what came of a remembered action, for a lesson that a person may promote. Inside `tenant_transaction`."""
    if not path.functions:
        return
    key = keys.named("lookup")
    family = Family.SUCCESS if success else Family.FAILURE
    row = LessonEvidence(
        space_id=space_id,
        labels=sorted(labels),
        family=family.value,
        pattern=outline(path, key).to_json(),
        memcube_id=ref[0],
        version=ref[1],
        subject_ids=list(subjects),
        marks=_marks(origin, key),
    )
    _owe([row])


def reviewed(admission_id: UUID, *, approved: bool) -> None:
    """A reviewer decided on a held memory: a rejection confirms what was learnt from it, an approval speaks against it.
    Inside `tenant_transaction`."""
    enqueue(REVIEW, {"admission": str(admission_id), "approved": approved})


def _owe(rows: Sequence[LessonEvidence]) -> None:
    if rows:
        LessonEvidence.objects.bulk_create(rows)
        enqueue(LEARN, {"ids": [str(row.id) for row in rows]})


def _family(verdict: Verdict) -> Family | None:
    return None if verdict.decision is Decision.ADMIT else family_of(verdict.reasons)


def _pattern(sighting: Sighting, family: Family, key: bytes) -> Pattern | None:
    return distil(sighting.verdict.path, family, key)


def _row(sighting: Sighting, family: Family, pattern: Pattern, key: bytes) -> LessonEvidence:
    memcube_id, version = sighting.ref or (None, None)
    return LessonEvidence(
        space_id=sighting.space_id,
        labels=sorted(sighting.labels),
        family=family.value,
        pattern=pattern.to_json(),
        admission_id=sighting.admission_id,
        memcube_id=memcube_id,
        version=version,
        subject_ids=list(sighting.subjects),
        marks=_marks(sighting.origin, key),
    )


def _marks(origin: Origin, key: bytes) -> bytes:
    return b"".join(bytes.fromhex(hashed(key, f"mark:{kind}", value))[:MARK] for kind, value in marks_of(origin))

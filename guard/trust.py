"""Trust with its history: since when a voice is known, and what became of what it said.

A *voice* is a source as one principal writes from it: trust cannot be borrowed by naming somebody else's source, nor
lost by being named. Sources are keyed hashes (16 bytes). Every function works inside the tenant's transaction.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Count

from foundation.kernel.clock import now
from guard.models import Voice, VoiceOutcome
from guard.standing import NEW_SOURCE, SourceHistory, source_trust

Kind = VoiceOutcome.Kind
Speaker = tuple[bytes, UUID]
"""A source's key and the principal that writes from it."""


@dataclass(frozen=True, slots=True)
class KnownVoice:
    first_seen: datetime
    trust: float


@dataclass(frozen=True, slots=True)
class Voices:
    """What is known of some sources. Who is not known is new."""

    known: Mapping[Speaker, KnownVoice] = field(default_factory=dict)
    owners: Mapping[bytes, UUID] = field(default_factory=dict)

    def trust(self, speaker: Speaker) -> float:
        return self.known[speaker].trust if speaker in self.known else NEW_SOURCE

    def first_seen(self, speaker: Speaker, otherwise: datetime) -> datetime:
        return self.known[speaker].first_seen if speaker in self.known else otherwise

    def owned(self, speaker: Speaker) -> bool:
        """Whether the source is this principal's: nobody wrote from it before."""
        return self.owners.get(speaker[0], speaker[1]) == speaker[1]


def voices(source_keys: Collection[bytes]) -> Voices:
    """What is known of these sources."""
    rows = list(Voice.objects.filter(source_key__in=list(source_keys)).order_by("-first_seen_at", "-id"))
    outcomes, at = _outcomes(rows), now()
    known = {_speaker(row): KnownVoice(row.first_seen_at, _trust(row, outcomes, at)) for row in rows}
    return Voices(known, {bytes(row.source_key): row.principal_id for row in rows})  # the earliest comes last


def _speaker(row: Voice) -> Speaker:
    return bytes(row.source_key), row.principal_id


def _trust(row: Voice, outcomes: Counter[tuple[UUID, str]], at: datetime) -> float:
    counts = (outcomes[row.id, kind] for kind in (Kind.CONFIRMED, Kind.REFUTED, Kind.CORROBORATED))
    return source_trust(SourceHistory(at - row.first_seen_at, *counts))


def _outcomes(rows: Iterable[Voice]) -> Counter[tuple[UUID, str]]:
    found = VoiceOutcome.objects.filter(voice_id__in=[row.id for row in rows]).values_list("voice_id", "kind")
    return Counter({(voice, kind): count for voice, kind, count in found.annotate(Count("id")).order_by()})


def note_voices(speakers: Iterable[Speaker]) -> None:
    """These voices have spoken; since when the known ones are known stays so."""
    rows = [Voice(source_key=key, principal_id=principal_id) for key, principal_id in sorted(set(speakers))]
    Voice.objects.bulk_create(rows, ignore_conflicts=True)


def note_outcomes(outcomes: Mapping[Speaker, Collection[str]], kind: VoiceOutcome.Kind) -> None:
    """For each voice, who confirmed, refuted or corroborated it; each `by` (opaque) counts once for ever."""
    if not outcomes:
        return
    rows = Voice.objects.filter(source_key__in=[key for key, _ in outcomes])
    ids = {_speaker(row): row.id for row in rows}
    VoiceOutcome.objects.bulk_create(
        (
            VoiceOutcome(voice_id=ids[speaker], kind=kind, by=hashlib.sha256(by.encode()).digest()[:16])
            for speaker, found in outcomes.items()
            if speaker in ids
            for by in found
        ),
        ignore_conflicts=True,
    )

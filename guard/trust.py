"""Trust with its history: since when a voice is known, and what became of what it said.

A *voice* is a source as one principal writes from it: trust cannot be borrowed by naming somebody else's source, nor
lost by being named. Sources are keyed hashes (16 bytes). Every function works inside the tenant's transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from foundation.kernel.clock import now
from foundation.kernel.rows import byteas, execute_binary
from foundation.kernel.scope import current_work
from guard.models import Voice, VoiceOutcome
from guard.standing import NEW_SOURCE, SourceHistory, source_trust

Kind = VoiceOutcome.Kind
Speaker = tuple[bytes, UUID]
"""A source's key and the principal that writes from it."""
_HISTORIES = """SELECT source_key, principal_id, first_seen_at, confirmed, refuted, corroborated
FROM guard_voice v, LATERAL (
  SELECT count(*) FILTER (WHERE kind = 'confirmed') AS confirmed, count(*) FILTER (WHERE kind = 'refuted') AS refuted,
         count(*) FILTER (WHERE kind = 'corroborated') AS corroborated
  FROM guard_voiceoutcome o WHERE o.tenant_id = v.tenant_id AND o.voice_id = v.id) AS outcomes
WHERE v.tenant_id = %s AND source_key = ANY(%s::bytea[]) ORDER BY first_seen_at DESC, v.id DESC"""


@dataclass(frozen=True, slots=True)
class KnownVoice:
    """Since when a voice is known, how far it is trusted, and what that rests on."""

    first_seen: datetime
    trust: float
    history: SourceHistory = field(default_factory=SourceHistory)


@dataclass(frozen=True, slots=True)
class Voices:
    """What is known of some sources. Who is not known is new."""

    known: Mapping[Speaker, KnownVoice] = field(default_factory=dict)
    owners: Mapping[bytes, UUID] = field(default_factory=dict)

    def trust(self, speaker: Speaker) -> float:
        voice = self.known.get(speaker)
        return voice.trust if voice else NEW_SOURCE

    def first_seen(self, speaker: Speaker, otherwise: datetime) -> datetime:
        voice = self.known.get(speaker)
        return voice.first_seen if voice else otherwise

    def owned(self, speaker: Speaker) -> bool:
        """Whether the source is this principal's: nobody wrote from it before."""
        return self.owners.get(speaker[0], speaker[1]) == speaker[1]


def voices(source_keys: Collection[bytes]) -> Voices:
    """What is known of these sources."""
    found, at = execute_binary(_HISTORIES, [current_work().tenant_id, byteas(source_keys)]), now()
    histories = {
        (bytes(key), principal_id): (since, SourceHistory(at - since, *counts))
        for key, principal_id, since, *counts in found
    }
    known = {each: KnownVoice(since, source_trust(told), told) for each, (since, told) in histories.items()}
    return Voices(known, {bytes(key): principal_id for key, principal_id, *_ in found})  # the earliest comes last


def new_voices(speakers: Iterable[Speaker]) -> list[Voice]:
    """The rows of voices that have spoken, in the order in which everybody inserts them; one that stands stays as it
    is, so they are inserted with `ignore_conflicts`."""
    return [Voice(source_key=key, principal_id=principal_id) for key, principal_id in sorted(set(speakers))]


def note_outcomes(outcomes: Mapping[Speaker, Collection[str]], kind: VoiceOutcome.Kind) -> None:
    """For each voice, who confirmed, refuted or corroborated it; each `by` (opaque) counts once for ever."""
    if not outcomes:
        return
    rows = Voice.objects.filter(source_key__in=[key for key, _ in outcomes])
    ids = {(bytes(row.source_key), row.principal_id): row.id for row in rows}
    VoiceOutcome.objects.bulk_create(
        (
            VoiceOutcome(voice_id=ids[speaker], kind=kind, by=hashlib.sha256(by.encode()).digest()[:16])
            for speaker, found in outcomes.items()
            if speaker in ids
            for by in found
        ),
        ignore_conflicts=True,
    )

"""Source trust with its history: who a source belongs to, since when it is known, what became of what it said.

Sources are keyed hashes (16 bytes). Every function works in the tenant's scope and inside a transaction.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count

from foundation.kernel.clock import now
from guard.models import Source, SourceOutcome
from guard.standing import SourceHistory, source_trust

Kind = SourceOutcome.Kind


@dataclass(frozen=True, slots=True)
class KnownSource:
    """What is known of a source: the principal that wrote from it first, and its history."""

    principal_id: UUID
    first_seen: float
    history: SourceHistory

    @property
    def trust(self) -> float:
        return source_trust(self.history)


def known_sources(keys: Collection[bytes]) -> dict[bytes, KnownSource]:
    """Those of the sources that are known, by key."""
    if not keys:
        return {}
    at, found = now(), {bytes(row.key): row for row in Source.objects.filter(key__in=list(keys))}
    outcomes = _outcomes(found)
    return {
        key: KnownSource(
            row.principal_id,
            row.first_seen_at.timestamp(),
            SourceHistory(
                at - row.first_seen_at,
                confirmed=outcomes[key, Kind.CONFIRMED],
                refuted=outcomes[key, Kind.REFUTED],
                corroborated_by=outcomes[key, Kind.CORROBORATED],
            ),
        )
        for key, row in found.items()
    }


def _outcomes(keys: Collection[bytes]) -> Counter[tuple[bytes, str]]:
    rows = SourceOutcome.objects.filter(source_key__in=list(keys)).values_list("source_key", "kind")
    return Counter({(bytes(key), kind): count for key, kind, count in rows.annotate(Count("id")).order_by()})


def note_sources(keys: Iterable[bytes], principal_id: UUID) -> None:
    """These sources were written from; who was first stays so."""
    rows = [Source(key=key, principal_id=principal_id) for key in sorted(set(keys))]
    Source.objects.bulk_create(rows, ignore_conflicts=True)


def note_outcomes(outcomes: Mapping[bytes, Collection[str]], kind: SourceOutcome.Kind) -> None:
    """For each source, who confirmed, refuted or corroborated it; each `by` counts once for ever."""
    rows = [SourceOutcome(source_key=key, kind=kind, by=digest(by)) for key, found in outcomes.items() for by in found]
    SourceOutcome.objects.bulk_create(rows, ignore_conflicts=True)


def digest(by: str) -> bytes:
    """Who spoke, as an outcome keeps it. `by` is opaque: an id, or a keyed hash in hex."""
    return hashlib.sha256(by.encode()).digest()[:16]

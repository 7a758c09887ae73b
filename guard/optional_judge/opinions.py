"""Opinions as they are kept: found by version, or by a keyed hash of everything the judge was shown.

The hash covers path *and* text: were it the path alone, a harmless text that reads alike could earn a good word for a
harmful one. Every function works in the tenant's scope.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from foundation.kernel.clock import now
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from guard.models import JudgeOpinion
from guard.optional_judge.endpoint import model_name
from guard.optional_judge.opinion import Matter, Opinion, ReasonCode, Word
from guard.optional_judge.question import VERSION

KEPT_FOR = timedelta(days=30)
SURE = 0.8
"""How sure the judge must be for its word to count as a lesson's confirmation."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An opinion, or that the judge was asked: it is `waiting` for an answer, or the answer was not usable."""

    opinion: Opinion | None = None
    waiting: bool = False


_WORDS = [word.value for word in Word]


def matter_key(matter: Matter) -> bytes:
    """16 bytes: HMAC under the tenant's look-up key of what would be shown, to which model, by which question."""
    said = [matter.about, *([matter.rival] if matter.rival else [])]
    parts = [VERSION, model_name(), *(part for each in said for part in (each.path.to_json(), each.text))]
    message = b"judge\0" + b"\0".join(hashlib.sha256(part.encode("utf-8", "surrogatepass")).digest() for part in parts)
    return hmac.digest(keys.named("lookup"), message, hashlib.sha256)[:16]


def on_held(version_ids: Collection[UUID]) -> dict[UUID, Opinion]:
    """The judge's words on held versions, for those who review them."""
    with tenant_transaction():
        rows = list(_answered().filter(version_id__in=version_ids, about=JudgeOpinion.About.HELD))
    return {row.version_id: _opinion(row) for row in rows}


def by_key(matter_keys: Collection[bytes]) -> dict[bytes, Heard]:
    """What is known of these matters; what was never put to the judge is absent."""
    with tenant_transaction():
        rows = list(_living().filter(matter_key__in=list(matter_keys)).order_by("at", "id"))
    heard = {bytes(row.matter_key): Heard(waiting=True) for row in rows}
    heard |= {bytes(row.matter_key): Heard() for row in rows if row.word == JudgeOpinion.Word.NONE}
    return heard | {bytes(row.matter_key): Heard(_opinion(row)) for row in rows if row.word in _WORDS}


def confirmation(version_ids: Iterable[UUID]) -> Opinion | None:
    """The judge's word that one of these versions is poisoned, if it is sure: one confirmation of a lesson that rests
    on them, however many words there are."""
    with tenant_transaction():
        rows = _answered().filter(version_id__in=list(version_ids), word=JudgeOpinion.Word.POISONED)
        row = rows.filter(confidence__gte=int(SURE * 1000)).order_by("-confidence", "id").first()
    return _opinion(row) if row else None


def room_today() -> bool:
    """Whether the tenant's questions of the last day leave room for one more."""
    with tenant_transaction():
        asked: int = JudgeOpinion.objects.filter(at__gte=now() - timedelta(days=1)).count()
    return asked < settings.JUDGE_DAILY


def keep(version_id: UUID, about: JudgeOpinion.About, key: bytes, opinion: Opinion | None) -> None:
    """Keep an answer, or that there was no usable one. In the open transaction; the last one stands."""
    word = JudgeOpinion.Word.NONE if opinion is None else JudgeOpinion.Word(opinion.word.value)
    JudgeOpinion.objects.bulk_create(
        [
            JudgeOpinion(
                version_id=version_id,
                about=about,
                matter_key=key,
                word=word,
                confidence=0 if opinion is None else round(opinion.confidence * 1000),
                reason="" if opinion is None else opinion.reason.value,
                model=model_name(),
            )
        ],
        update_conflicts=True,
        unique_fields=["tenant_id", "version_id", "about", "matter_key"],
        update_fields=["word", "confidence", "reason", "model", "at"],
    )


def note_asked(asked: Mapping[bytes, UUID]) -> None:
    """These matters, each about a version, are being asked about: nobody else need ask. In the open transaction."""
    rows = [
        JudgeOpinion(
            version_id=version_id,
            about=JudgeOpinion.About.DISPUTED,
            matter_key=key,
            word=JudgeOpinion.Word.ASKED,
            model=model_name(),
        )
        for key, version_id in asked.items()
    ]
    JudgeOpinion.objects.bulk_create(rows, ignore_conflicts=True)


def forget(version_ids: Collection[UUID]) -> None:
    """An opinion goes with the version it is about. In the eraser's open transaction."""
    JudgeOpinion.objects.filter(version_id__in=list(version_ids)).delete()


def sweep() -> None:
    """Remove opinions past their time."""
    with tenant_transaction():
        JudgeOpinion.objects.filter(at__lt=now() - KEPT_FOR).delete()


def _living() -> QuerySet[JudgeOpinion]:
    found: QuerySet[JudgeOpinion] = JudgeOpinion.objects.filter(at__gte=now() - KEPT_FOR)
    return found


def _answered() -> QuerySet[JudgeOpinion]:
    return _living().filter(word__in=_WORDS).order_by("at")


def _opinion(row: JudgeOpinion) -> Opinion:
    reason = ReasonCode(row.reason) if row.reason in list(ReasonCode) else ReasonCode.UNCLEAR
    return Opinion(Word(row.word), row.confidence / 1000, reason, row.model, row.at)

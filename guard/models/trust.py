"""What the guard has learnt about a tenant: its sources, what became of them, its own thresholds and its choices.

Sources are keyed hashes; nothing here is text.
"""

from typing import Any

from django.db import models

from foundation.kernel.clock import now
from foundation.kernel.models import TenantOwned
from guard.types import Calibration, GuardPolicy, Tail


class Voice(TenantOwned):
    """A source as one principal writes from it, and since when. The earliest voice of a source owns it. Immutable.

    Trust is a voice's: whoever borrows the name of a trusted source gains none, and cannot cost it any.
    """

    source_key = models.BinaryField(max_length=16)
    principal_id = models.UUIDField()
    first_seen_at = models.DateTimeField(default=now)


class VoiceOutcome(TenantOwned):
    """Something that raised or lowered a voice's trust. Immutable; `by` counts once, however often it speaks."""

    class Kind(models.TextChoices):
        CONFIRMED = "confirmed"
        REFUTED = "refuted"
        CORROBORATED = "corroborated"

    voice_id = models.UUIDField()
    kind = models.CharField(max_length=12, choices=Kind)
    by = models.BinaryField(max_length=16)
    at = models.DateTimeField(default=now)


class GuardPolicyVersion(TenantOwned):
    """One version of the tenant's choices. Immutable; the highest number is in force."""

    number = models.PositiveIntegerField()
    alpha = models.FloatField()
    optional_judge = models.BooleanField(default=False)
    principal_id = models.UUIDField()
    created_at = models.DateTimeField(default=now)

    def value(self) -> GuardPolicy:
        return GuardPolicy(version=f"tenant@{self.number}", alpha=self.alpha)


class CalibrationVersion(TenantOwned):
    """One calibration of the tenant's thresholds: `tails` maps a kind to [[[p, score], …], groups]. Immutable."""

    number = models.PositiveIntegerField()
    tails: Any = models.JSONField()
    records = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=now)

    def value(self) -> Calibration:
        tails = {name: Tail(tuple((p, score) for p, score in tail[0]), tail[1]) for name, tail in self.tails.items()}
        return Calibration(self.number, tails)

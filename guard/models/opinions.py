"""What the optional judge said. No text: a keyed hash of what it was shown, and words from closed sets."""

from django.db import models

from foundation.kernel.clock import now
from foundation.kernel.models import TenantOwned


class JudgeOpinion(TenantOwned):
    """The judge's word on one version of a record. It goes with the version, and after thirty days in any case.

    `word`: `asked` until there is an answer, `none` if the answer was not usable. `confidence` is in thousandths.
    """

    class About(models.TextChoices):
        HELD = "held"
        DISPUTED = "disputed"

    class Word(models.TextChoices):
        ASKED = "asked"
        NONE = "none"
        BENIGN = "benign"
        POISONED = "poisoned"
        UNSURE = "unsure"

    version_id = models.UUIDField()
    about = models.CharField(max_length=8, choices=About)
    matter_key = models.BinaryField(max_length=16)
    word = models.CharField(max_length=8, choices=Word)
    confidence = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=16, default="", blank=True)
    model = models.CharField(max_length=64)
    at = models.DateTimeField(default=now)

    class Meta:
        indexes = [
            models.Index(fields=["tenant_id", "matter_key"], name="opinion_matter"),
            models.Index(fields=["tenant_id", "at"], name="opinion_at"),
        ]

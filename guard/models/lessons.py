"""Lessons: tables of their own, so that no lesson is ever a memory."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from foundation.kernel.clock import now
from foundation.kernel.models import TenantOwned
from guard.lessons.grounds import Replayed
from guard.lessons.pattern import Family
from guard.types import Effect, Shape

LABEL = 64


def _choices(words: Any) -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in words]


class Lesson(TenantOwned):
    """One lesson of one space: its state and its pattern. Its text is sealed in `LessonVersion`.

    `rev` grows with every change (the index and the ETag go by it); `mac` authenticates what a database's administrator
    must not be able to change unseen. `at_writing`: the pattern is compared with candidates, not only with plans.
    """

    class State(models.TextChoices):
        CANDIDATE = "candidate"
        ACTIVE = "active"
        RETIRED = "retired"
        EXPIRED = "expired"

    class Origin(models.TextChoices):
        DETECTION = "detection"
        OUTCOME = "outcome"

    space_id = models.UUIDField()
    labels = ArrayField(models.CharField(max_length=LABEL), default=list)
    state = models.CharField(max_length=16, choices=State, default=State.CANDIDATE)
    version = models.PositiveIntegerField(default=1)
    rev = models.PositiveIntegerField(default=1)
    origin = models.CharField(max_length=16, choices=Origin)
    family = models.CharField(max_length=24, choices=_choices(Family))
    shape = models.CharField(max_length=16, choices=_choices(Shape), default="", blank=True)
    effect = models.CharField(max_length=8, choices=_choices(Effect))
    pattern = models.JSONField(default=dict)
    at_writing = models.BooleanField(default=True)
    detector = models.CharField(max_length=32)
    promoted = models.PositiveIntegerField(default=0)
    replayed = models.CharField(max_length=8, choices=_choices(Replayed), default=Replayed.NONE.value)
    replay_records = models.PositiveIntegerField(default=0)
    replay_flagged = models.PositiveIntegerField(default=0)
    replayed_at = models.DateTimeField(null=True)
    hits = models.PositiveIntegerField(default=0)
    last_hit_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    created_by = models.UUIDField()
    created_at = models.DateTimeField(default=now)
    sealed_reason = models.BinaryField(null=True)  # why it was retired, under the key of its text
    mac = models.BinaryField(max_length=16)

    class Meta:
        indexes = [
            models.Index(fields=["tenant_id", "state", "space_id"], name="lesson_state"),
            models.Index(fields=["tenant_id", "expires_at"], name="lesson_expiry"),
        ]


class LessonVersion(TenantOwned):
    """One text of a lesson, sealed. `id` names its key. Immutable; only the eraser removes it."""

    lesson_id = models.UUIDField()
    number = models.PositiveIntegerField()
    sealed = models.BinaryField()
    principal_id = models.UUIDField()
    created_at = models.DateTimeField(default=now)


class LessonEvidence(TenantOwned):
    """What a lesson rests on: a judgement (`admission_id`), or a record someone cited. Ids and keyed hashes only.

    `lesson_id` is null until the worker has learnt from it. A refused submission has no record: then `memcube_id` is
    null, and its subjects are all that is known of whom it was about. `marks` are 8-byte keyed hashes, one after the
    other, by which two sightings may be one witness; the first is the principal's.
    """

    class State(models.TextChoices):
        NOTED = "noted"
        COUNTED = "counted"
        CONFIRMED = "confirmed"
        REFUTED = "refuted"
        CITED = "cited"

    lesson_id = models.UUIDField(null=True)
    state = models.CharField(max_length=16, choices=State, default=State.NOTED)
    space_id = models.UUIDField()
    labels = ArrayField(models.CharField(max_length=LABEL), default=list)
    family = models.CharField(max_length=24, choices=_choices(Family))
    pattern = models.JSONField(default=dict)
    admission_id = models.UUIDField(null=True)
    memcube_id = models.UUIDField(null=True)
    version = models.PositiveIntegerField(null=True)
    subject_ids = ArrayField(models.UUIDField(), default=list)
    marks = models.BinaryField(default=b"")
    at = models.DateTimeField(default=now)

    class Meta:
        indexes = [
            models.Index(fields=["tenant_id", "lesson_id"], name="lesson_evidence"),
            models.Index(fields=["tenant_id", "memcube_id"], name="lesson_evidence_record"),
            models.Index(fields=["tenant_id", "admission_id"], name="lesson_evidence_decision"),
        ]

"""The keyring's tables, in a database of their own. Wrapped data keys, and the life of the epochs that wrap them.

Nothing here opens anything: the epoch keys are in the KMS and in no table. See `rotation` for the order of acts.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from foundation.kernel.clock import now
from foundation.kernel.models import TenantOwned
from foundation.keyring.kms import Assurance

ASSURANCES = [(level.value, level.value) for level in Assurance]


class Purpose(models.TextChoices):
    """What a data key is for. Closed: a new use is a new word here and a line in `docs/keys.md`."""

    VERSION = "version"  # one version of a memory, a held candidate, a lesson
    SUBJECT = "subject"  # a subject's external names and what is said of them
    PSEUDONYM = "pseudonym"  # one pseudonym's value; by name: the tenant's pseudonym function
    INDEX = "index"  # the blind index, by index epoch
    QUERY_DAY = "query-day"  # the query texts of one day
    RECEIPT = "receipt"  # the sealed details of audit events
    RECORD = "record"  # names and reasons that staff wrote: holds, erasure requests
    INTEGRITY = "integrity"  # policy headers and manifests
    LOOKUP = "lookup"  # keyed hashes of names and identifiers
    CURSOR = "cursor"  # page cursors
    IDEMPOTENCY_DAY = "idempotency-day"  # the request digests of one day


class Shard(TenantOwned):
    """The unit of rotation: every key of a shard is wrapped under `epoch`, or is on its way there.

    `issued` is the highest epoch number ever intended, so that no number is used twice.
    """

    number = models.PositiveSmallIntegerField()
    epoch = models.BigIntegerField()
    issued = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(epoch__gte=1, issued__gte=models.F("epoch")), name="epoch_was_issued")
        ]


class Key(TenantOwned):
    """One data key, wrapped once. `subjects` are those whose forgetting may take it; the first chose the shard."""

    shard = models.PositiveSmallIntegerField()
    purpose = models.CharField(max_length=16, choices=Purpose)
    epoch = models.BigIntegerField()
    subjects = ArrayField(models.UUIDField(), default=list)
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(default=now)
    confirmed = models.BooleanField(default=False)  # its version was seen, or it needs none

    class Meta:
        # `epoch` is in no index: re-wrapping then changes no index (a heap-only update).
        indexes = [models.Index(fields=["tenant_id", "shard", "id"], name="key_by_shard")]
        constraints = [
            models.CheckConstraint(condition=Q(purpose__in=Purpose.values), name="key_purpose_is_known"),
        ]


class Rotation(TenantOwned):
    """One rotation of one shard: the intent before it, the evidence after it."""

    class State(models.TextChoices):
        INTENDED = "intended"  # the new epoch may exist in the KMS; nothing is wrapped under it
        UNDOING = "undoing"  # given up: the new epoch is being removed from the KMS
        UNDONE = "undone"
        TURNED = "turned"  # doomed rows are deleted, new keys use the new epoch; survivors are on their way
        DONE = "done"  # survivors are re-wrapped, every older epoch is destroyed and read back as gone

    shard = models.PositiveSmallIntegerField()
    old_epoch = models.BigIntegerField(default=0)
    new_epoch = models.BigIntegerField()
    state = models.CharField(max_length=16, choices=State, default=State.INTENDED)
    survivors = models.BigIntegerField(default=0)
    assurance = models.CharField(max_length=2, choices=ASSURANCES, default=Assurance.A0.value)
    intended_at = models.DateTimeField(default=now)
    turned_at = models.DateTimeField(null=True)
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["tenant_id", "state"], condition=~Q(state__in=["done", "undone"]), name="rotation_unfinished"
            )
        ]


class Destroyed(TenantOwned):
    """The id of a key that was destroyed, and the rotation that did it: no second key ever gets the id."""

    shard = models.PositiveSmallIntegerField()
    new_epoch = models.BigIntegerField()

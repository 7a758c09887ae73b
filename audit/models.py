"""The ledger's tables. A tenant is a bare id here, without foreign keys: the ledger outlives the tenant.

Nothing in them is trusted because it stands there: entries hang on a signed root, outbox rows on their lane's chain
and MAC, lanes on a MAC, manifest nodes on the root in the checkpoint, heads on a signature and on the pin outside.
`app` writes outbox rows and quarantines, and reads; everything else is written by the sequencer alone.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from foundation.kernel.clock import now
from foundation.kernel.models import TenantOwned


class Outbox(TenantOwned):
    """An event not yet in the log, or a lane's heartbeat; `id` is the event's.

    `seq` (an identity column, by the migration) is the order of insertion, which follows the order of row locks and so
    of causes. It is a helper: what it misorders, the chains and deltas refuse.
    """

    seq = models.BigIntegerField(db_default=0)
    lane = models.UUIDField()
    n = models.BigIntegerField()
    chain = models.BinaryField()
    entry = models.BinaryField()
    detail = models.BinaryField(null=True)
    query = models.BinaryField(null=True)
    touched = ArrayField(models.UUIDField())
    mac = models.BinaryField()
    written_at = models.DateTimeField(default=now)

    class Meta(TenantOwned.Meta):
        abstract = False
        indexes = [models.Index(fields=["tenant_id", "seq"], name="audit_outbox_turn")]


class Entry(TenantOwned):
    """A leaf of the tenant's log; `id` is the event's. The columns after `entry` repeat it, for queries."""

    index = models.BigIntegerField()
    leaf_hash = models.BinaryField()
    entry = models.BinaryField()
    act = models.CharField(max_length=32)
    actor_id = models.UUIDField()
    target_kind = models.CharField(max_length=64, null=True)
    target_id = models.UUIDField(null=True)
    outcome = models.CharField(max_length=64)
    policy = models.CharField(max_length=64)
    ts = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "target_id", "id"], name="audit_entry_target")]


class Detail(TenantOwned):
    """What belongs to an event and is erased apart from it; sealed. `query` lies under the key of its day."""

    sealed = models.BinaryField(null=True)
    query = models.BinaryField(null=True)


class Tile(TenantOwned):
    """Up to 256 hashes of one level of the tenant's tree (`audit.tiles`); the rightmost of a level grows."""

    level = models.SmallIntegerField()
    number = models.BigIntegerField()
    hashes = models.BinaryField()


class Head(TenantOwned):
    """The newest signed checkpoint of a log; one row, `id` is the tenant's."""

    size = models.BigIntegerField()
    root = models.BinaryField()
    note = models.TextField()
    signed_at = models.DateTimeField(default=now)


class Lane(TenantOwned):
    """How far the sequencer has followed a lane, under a MAC; `closed` when the last row seen was a heartbeat."""

    n = models.BigIntegerField()
    chain = models.BinaryField()
    closed = models.BooleanField(default=False)
    seen_at = models.DateTimeField(default=now)
    mac = models.BinaryField()


class ManifestNode(TenantOwned):
    """A node of the tenant's manifest tree (`audit.manifest`)."""

    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    body = models.BinaryField()


class Quarantine(TenantOwned):
    """A tenant whose ledger does not add up: nothing is written for it until an operator lifts this."""

    class Reason(models.TextChoices):
        MAC = "mac"
        LANE = "lane"
        EVENT = "event"
        REPEAT = "repeat"
        TREE = "tree"
        HEAD = "head"
        PIN = "pin"
        MANIFEST = "manifest"

    reason = models.CharField(max_length=16, choices=Reason)
    raised_at = models.DateTimeField(default=now)
    lifted_at = models.DateTimeField(null=True)


class Lease(TenantOwned):
    """Who sequences: one row, of the directory log's tenant. A row, since an advisory lock can be starved by `app`."""

    holder = models.UUIDField()
    until = models.DateTimeField()


class Witnessed(TenantOwned):
    """What a witness (`id` says which) last made of the directory log; rows of the directory's tenant. `note` is the
    checkpoint with the cosignature, checked anew whenever it is shown."""

    class State(models.TextChoices):
        UNASKED = "unasked"
        COSIGNED = "cosigned"
        UNREACHED = "unreached"
        DECLINED = "declined"
        UNPROVEN = "unproven"
        FORKED = "forked"
        BEHIND = "behind"

    state = models.CharField(max_length=16, choices=State)
    size = models.BigIntegerField(default=0)
    note = models.TextField(default="")
    cosigned_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField()

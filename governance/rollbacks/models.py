"""The tables of rollbacks of many records: plans, and what becomes of each record. Ids, enumerations, keyed hashes."""

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

from foundation.kernel.clock import now
from foundation.kernel.models import TenantOwned


class Rollback(TenantOwned):
    """An order to undo versions and all that was derived from them: planned, approved, run, reported.

    The selection's parts (`source_key` to `memcube_ids`) hold together: a version is bad when it meets all that are
    given. `report` is empty until the end: counts by what became of the records.
    """

    class State(models.TextChoices):
        PLANNED = "planned"
        APPROVED = "approved"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        EXPIRED = "expired"  # never stored: a plan whose time is over

    state = models.CharField(max_length=16, choices=State, default=State.PLANNED)
    source_key = models.BinaryField(max_length=16, null=True)
    actor_key = models.BinaryField(max_length=16, null=True)
    session_key = models.BinaryField(max_length=16, null=True)
    writer_id = models.UUIDField(null=True)
    space_id = models.UUIDField(null=True)
    since = models.DateTimeField(null=True)
    memcube_ids = ArrayField(models.UUIDField(), default=list)
    sealed_reason = models.BinaryField()
    manifest = models.CharField(max_length=80)
    counts = models.JSONField(default=dict)
    report = models.JSONField(default=dict)
    event_ids = ArrayField(models.UUIDField(), default=list)  # of the order itself; each item has its own
    requested_by = models.UUIDField()
    approved_by = ArrayField(models.UUIDField(), default=list)
    executed_by = models.UUIDField(null=True)
    operation_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    @property
    def runner_id(self) -> UUID:
        """In whose name it runs: who had it run; until then, who ordered it."""
        found: UUID = self.executed_by or self.requested_by
        return found


class RollbackItem(TenantOwned):
    """One record of a rollback: what is to be done with it, decided at revision `rev`, and what became of that."""

    class Action(models.TextChoices):
        RESTORE = "restore"  # its last clean version is served again, as a new one
        WITHDRAW = "withdraw"  # it has no clean version
        HOLD = "hold"  # only part of what it was derived from is bad: a person decides
        RESTRICT = "restrict"  # a legal hold covers it: out of every read, and otherwise as it is
        REFUSE = "refuse"  # what is served is clean, and what waited to take its place is not

    class Step(models.TextChoices):
        PLANNED = "planned"
        DONE = "done"
        RESTRICTED = "restricted"  # changed, held or bad only since the plan: out of every read until somebody looks
        CHANGED = "changed"  # changed since the plan, and no bad version of it is served
        ERASED = "erased"  # erased meanwhile, or about to be
        UNRECOVERABLE = "unrecoverable"  # the clean version's key is gone: withdrawn instead
        DENIED = "denied"  # who ordered it may not do this to the record (any more)

    rollback_id = models.UUIDField()
    memcube_id = models.UUIDField()
    rev = models.PositiveIntegerField()
    from_version = models.PositiveIntegerField()
    to_version = models.PositiveIntegerField(null=True)
    action = models.CharField(max_length=16, choices=Action)
    tainted = ArrayField(models.PositiveIntegerField(), default=list)  # its bad versions
    step = models.CharField(max_length=16, choices=Step, default=Step.PLANNED)
    event_id = models.UUIDField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["tenant_id", "rollback_id", "id"], name="rollback_item"),
            models.Index(fields=["tenant_id", "memcube_id"], name="rollback_record"),
        ]

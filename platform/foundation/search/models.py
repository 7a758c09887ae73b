"""The PostgreSQL engine's tables. All but `Generation` are UNLOGGED: nothing of them is in WAL, replica or backup.

An `Entry` holds keyed term ids and a rotated vector, never text. Its row id is a hash of its key, so one primary key
serves look-up and upsert. After a crash PostgreSQL empties every UNLOGGED table, `Beacon` among them: a generation
whose token has no beacon has lost its content (see `generations`).
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from pgvector.django import HalfVectorField, SparseVectorField

from foundation.kernel.clock import now
from foundation.kernel.models import TenantOwned


class Generation(TenantOwned):
    """One key epoch and embedder of a tenant's index; `number` is also the epoch of its index key."""

    class State(models.TextChoices):
        BUILDING = "building"  # written to, not yet asked
        ACTIVE = "active"  # written to and asked: one at a time
        DRAINING = "draining"  # written to and still answering whoever asked before the switch
        RETIRED = "retired"  # emptied; its key may be destroyed

    number = models.PositiveIntegerField()
    embedder = models.CharField(max_length=64)
    dim = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=State)
    token = models.UUIDField()
    owed_since = models.DateTimeField(null=True)  # since when its key has been used for something that is erased


class Swap(TenantOwned):
    """A tenant's generation gives way to another: a re-key, or another embedder. One at a time; its id is also that of
    the operation by which clients see it.

    `cursor` is the last record that was written, `done` of `total` records; `embedded` counts the versions whose
    embedding was made anew. The guard's figures are counts of `questions`.
    """

    class Cause(models.TextChoices):
        ERASURE = "erasure"  # the old key was used for something that is erased
        OPERATOR = "operator"

    class State(models.TextChoices):
        FILLING = "filling"
        CHECKING = "checking"
        DRAINING = "draining"  # the new one is asked, the old one may still answer
        DROPPING = "dropping"  # the old one and its key
        DONE = "done"
        DISCARDING = "discarding"  # the new one and its key: it did not pass
        STOPPED = "stopped"

    old = models.PositiveIntegerField()
    new = models.PositiveIntegerField()
    cause = models.CharField(max_length=16, choices=Cause)
    state = models.CharField(max_length=16, choices=State, default=State.FILLING)
    cursor = models.UUIDField(null=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    embedded = models.PositiveIntegerField(default=0)
    least = models.PositiveIntegerField()  # per mille of what the old one finds that the new one must find
    questions = models.PositiveIntegerField(default=0)
    alike = models.PositiveIntegerField(default=0)
    found_before = models.PositiveIntegerField(default=0)
    found_after = models.PositiveIntegerField(default=0)
    failure = models.CharField(max_length=64, default="")  # an error's class, or why it was stopped
    begun_at = models.DateTimeField(default=now)
    changed_at = models.DateTimeField(default=now)
    switched_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)


class Beacon(TenantOwned):
    """UNLOGGED. Its id is a generation's token: there as long as that generation's content is whole."""


class Entry(TenantOwned):
    """UNLOGGED. One version in one generation; a tombstone (state "removed") keeps nothing but key and revision.

    Columns of fixed width, without nulls, come first: reading them is most of a search (see `rows.ALWAYS`).
    """

    record_id = models.UUIDField()
    space_id = models.UUIDField()
    revision = models.BigIntegerField()
    recorded_at = models.DateTimeField()
    superseded_at = models.DateTimeField()
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField()
    expires_at = models.DateTimeField()
    generation = models.PositiveIntegerField()
    version = models.PositiveIntegerField()
    collection = models.CharField(max_length=16)
    state = models.CharField(max_length=16)
    kind = models.CharField(max_length=32)
    acl = ArrayField(models.TextField(), default=list)
    labels = ArrayField(models.TextField(), default=list)
    subjects = ArrayField(models.BinaryField(), default=list)
    session = models.BinaryField(null=True)
    position = models.BigIntegerField(null=True)
    lex = SparseVectorField(null=True)
    vec = HalfVectorField(null=True)
    stands = models.BooleanField(db_default=False)  # active, current, without end: four conditions in one

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "space_id"], name="search_entry_space")]


class Scope(TenantOwned):
    """UNLOGGED. What is permitted together: a space with one set of roles. Counts its current, active documents."""

    generation = models.PositiveIntegerField()
    collection = models.CharField(max_length=16)
    space_id = models.UUIDField()
    acl = ArrayField(models.TextField(), default=list)
    documents = models.BigIntegerField()


class Counter(TenantOwned):
    """UNLOGGED. How many of a scope's documents hold one term. The id is a hash of both; the term stands nowhere."""

    scope_id = models.UUIDField()
    documents = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "scope_id"], name="search_counter_scope")]

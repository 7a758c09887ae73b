"""The PostgreSQL engine's tables. All but `Generation` are UNLOGGED: nothing of them is in WAL, replica or backup.

An `Entry` holds keyed term ids and a rotated vector, never text. Its row id is a hash of its key, so one primary key
serves look-up and upsert. After a crash PostgreSQL empties every UNLOGGED table, `Beacon` among them: a generation
whose token has no beacon has lost its content (see `generations`).
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from pgvector.django import HalfVectorField, SparseVectorField

from foundation.kernel.models import TenantOwned


class Generation(TenantOwned):
    """One key epoch and embedder of a tenant's index; `number` is also the epoch of its index key."""

    class State(models.TextChoices):
        BUILDING = "building"  # written to, not yet asked
        ACTIVE = "active"  # written to and asked: one at a time
        RETIRED = "retired"  # emptied; its key may be destroyed

    number = models.PositiveIntegerField()
    embedder = models.CharField(max_length=64)
    dim = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=State)
    token = models.UUIDField()


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

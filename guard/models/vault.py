"""The vault of pseudonyms: the value behind a token, sealed under a key of its own, and who it may live for.

A row is one *spelling* of one identifier: `ANA DIAZ` and `Ana Diaz` share a token and are two rows, so that what is put
back is what was written there, never what another record wrote first. Nothing here names a memory: a `holder` is the
opaque id of a version.
"""

from django.db import models

from foundation.kernel.clock import now
from foundation.kernel.models import TenantOwned
from guard.pii.entities import Entity


class PseudonymValue(TenantOwned):
    """A value, sealed under the key `id`. Once `doomed_at` is set it has no hashes, no uses and soon no key and row."""

    lookup = models.BinaryField(max_length=16)  # keyed hash of token and spelling
    identifier = models.BinaryField(max_length=16)  # keyed hash of the token: all spellings have the same
    entity = models.CharField(max_length=16, choices=[(entity.value, entity.value) for entity in Entity])
    sealed = models.BinaryField()
    created_at = models.DateTimeField(default=now)
    doomed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["tenant_id", "identifier"], name="value_identifier"),
            models.Index(fields=["tenant_id"], condition=models.Q(doomed_at__isnull=False), name="value_doomed"),
        ]


class PseudonymUse(TenantOwned):
    """A version's text carries the value. Immutable."""

    value = models.ForeignKey(PseudonymValue, models.DO_NOTHING, db_constraint=False, db_index=False)
    holder_id = models.UUIDField()

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "value"], name="use_value")]


class PseudonymOwner(TenantOwned):
    """A record about the subject carries the identifier: it dies with the subject, wherever else it is used.
    Immutable."""

    value = models.ForeignKey(PseudonymValue, models.DO_NOTHING, db_constraint=False, db_index=False)
    subject_id = models.UUIDField()

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "value"], name="owner_value")]


class PseudonymReveal(TenantOwned):
    """One value was shown to one person, for a reason, sealed under the key of the version it stood in. `id` is that of
    the audit event. Immutable."""

    holder_id = models.UUIDField()
    principal_id = models.UUIDField()
    sealed_reason = models.BinaryField()
    created_at = models.DateTimeField(default=now)

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "holder_id"], name="reveal_holder")]

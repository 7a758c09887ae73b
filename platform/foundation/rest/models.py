"""The idempotency keys of the last day: no bodies, no answers, not even the key itself."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from foundation.kernel.clock import now
from foundation.kernel.models import TenantOwned


class IdempotencyKey(TenantOwned):
    """One key of one principal on one route: what was asked (HMACs), who is at it (a lease), what came of it (ids)."""

    scope = models.BinaryField(max_length=32)  # HMAC of principal, method, route, key; lives as long as the tenant
    body = models.BinaryField(max_length=32)  # HMAC of path, query and body under the key of `day`
    day = models.DateField()
    token = models.UUIDField()  # of the attempt that holds the lease: fences the ones before it
    lease_until = models.DateTimeField()
    created_at = models.DateTimeField(default=now)
    status = models.PositiveSmallIntegerField(null=True)  # null while in progress
    resource_ids = ArrayField(models.UUIDField(), default=list)
    statuses = ArrayField(models.PositiveSmallIntegerField(), default=list)  # of a batch, item by item

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "day"], name="idempotency_day")]

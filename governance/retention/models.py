"""Retention policies, whose versions are never changed."""

from typing import Any

from django.db import models

from foundation.kernel.clock import now
from foundation.kernel.models import TenantOwned
from governance.retention.rules import RetentionPolicy, Rule


class RetentionPolicyRecord(TenantOwned):
    """A named policy of a tenant and the number of the version in force. Its row is what a new version locks."""

    name = models.CharField(max_length=64)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=now)


class RetentionPolicyVersion(TenantOwned):
    """One version of a policy. `rules` is a list of {kind, label, space, minimum, maximum}: closed words, labels, ids
    and ISO 8601 durations."""

    policy_id = models.UUIDField()
    number = models.PositiveIntegerField()
    rules: Any = models.JSONField(default=list)
    principal_id = models.UUIDField()
    created_at = models.DateTimeField(default=now)

    def value(self, name: str) -> RetentionPolicy:
        """The policy as it is applied."""
        return RetentionPolicy(self.policy_id, name, self.number, tuple(map(Rule.from_json, self.rules)))

"""PII policies, whose versions are never changed."""

from typing import Any

from django.db import models

from foundation.kernel.clock import now
from foundation.kernel.models import TenantOwned
from guard.pii.policy import Action, Mode, PiiPolicy, Rule


class PiiPolicyRecord(TenantOwned):
    """A named policy of a tenant and the number of the version in force. Its row is what a new version locks."""

    name = models.CharField(max_length=64)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=now)


class PiiPolicyVersion(TenantOwned):
    """One version of a policy. `rules` is a list of {entity, path, action, reveal_to}: closed words and JSON paths."""

    policy_id = models.UUIDField()
    number = models.PositiveIntegerField()
    mode = models.CharField(max_length=8, choices=[(mode.value, mode.value) for mode in Mode])
    default_action = models.CharField(max_length=12, choices=[(action.value, action.value) for action in Action])
    rules: Any = models.JSONField(default=list)
    principal_id = models.UUIDField()
    created_at = models.DateTimeField(default=now)

    def value(self, name: str) -> PiiPolicy:
        """The policy as the redactor applies it."""
        rules = tuple(Rule.from_json(rule) for rule in self.rules)
        return PiiPolicy(name, self.number, Mode(self.mode), Action(self.default_action), rules)

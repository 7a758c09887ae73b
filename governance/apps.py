"""Governance as a Django app."""

from collections.abc import Collection
from functools import partial
from uuid import UUID

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    name = "governance"
    label = "governance"

    def ready(self) -> None:
        """Say which spaces name a policy, deleted ones too: their records stay under it."""
        from tenants.versioned_policies import spaces_name

        for kind in ("pii_policy", "retention_policy"):
            spaces_name(kind, partial(_naming, f"{kind}_id"))


def _naming(column: str, policy_id: UUID) -> Collection[UUID]:
    from governance.models import Space

    return list(Space.objects.filter(**{column: policy_id}).values_list("id", flat=True))

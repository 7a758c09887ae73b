"""How a tenant's keyring stands: for people to look at. Numbers and moments; no key is opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from foundation.kernel.scope import tenant_transaction
from foundation.keyring.models import Destroyed, Key, Purpose, Rotation, Shard

READER = "keyring"
LATEST = 50


@dataclass(frozen=True, slots=True)
class Turn:
    """One rotation of a shard: the epochs before and after, and what is evident of the old one's end."""

    shard: int
    old_epoch: int
    new_epoch: int
    state: str
    survivors: int
    assurance: str
    intended_at: datetime
    destroyed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Shards with their epochs; live keys by purpose; how many were ever destroyed; the latest rotations."""

    epochs: dict[int, int]
    keys: dict[str, int]
    destroyed: int
    turns: list[Turn]


def standing() -> Standing:
    """The keyring of the tenant in scope."""
    with tenant_transaction(READER):
        counted = Key.objects.values_list("purpose").annotate(n=Count("id")).order_by()
        found = dict(counted)
        return Standing(
            dict(Shard.objects.order_by("number").values_list("number", "epoch")),
            {purpose: found[purpose] for purpose in Purpose.values if purpose in found},
            Destroyed.objects.count(),
            [Turn(*row) for row in Rotation.objects.order_by("-intended_at").values_list(*Turn.__slots__)[:LATEST]],
        )

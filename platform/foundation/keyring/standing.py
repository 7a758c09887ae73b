"""How a tenant's keyring stands: for people to look at. Numbers only; no key is opened.

Rotations themselves are the eraser's to read: what the web process sees of one is the keys that ended with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count

from foundation.kernel.scope import tenant_transaction
from foundation.keyring.models import Destroyed, Key, Purpose, Shard

READER = "keyring"


@dataclass(frozen=True, slots=True)
class Turn:
    """A rotation that destroyed keys: the shard, the epoch it moved to, and how many keys did not come along."""

    shard: int
    new_epoch: int
    destroyed: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Shards with their epochs; live keys by purpose; the rotations that destroyed keys, by shard, latest first."""

    epochs: dict[int, int]
    keys: dict[str, int]
    turns: list[Turn]

    @property
    def destroyed(self) -> int:
        return sum(turn.destroyed for turn in self.turns)


def standing() -> Standing:
    """The keyring of the tenant in scope."""
    with tenant_transaction(READER):
        found = dict(Key.objects.values_list("purpose").annotate(n=Count("id")).order_by())
        turns = Destroyed.objects.values_list("shard", "new_epoch").annotate(n=Count("id"))
        return Standing(
            dict(Shard.objects.order_by("number").values_list("number", "epoch")),
            {purpose: found[purpose] for purpose in Purpose.values if purpose in found},
            [Turn(*row) for row in turns.order_by("shard", "-new_epoch")],
        )

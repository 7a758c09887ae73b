"""The adversary of the shredding promise: every row of both databases from before the erasure, and all live KMS state."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest

from foundation.kernel.problems import Integrity
from foundation.keyring.kms import EpochGone, EpochUnknown, kms
from foundation.keyring.rows import Row
from foundation.keyring.wrapping import context
from governance.models import MemCube, Version
from governance.sealed import open_version
from tests.governance.builders import admitted
from tests.governance.test_forget import forget


@dataclass(frozen=True)
class Loot:
    """What an adversary copied: the keyring's rows, and the sealed versions under their headers."""

    keys: dict[UUID, Row]
    sealed: dict[UUID, tuple[MemCube, Version]]

    def opens(self, tenant: UUID, key_id: UUID) -> bool:
        """Whether any live epoch key opens the copied wrap, and the secret the copied version."""
        row = self.keys[key_id]
        for epoch in kms().epochs(tenant, row.shard):
            try:
                (secret,) = kms().unwrap(tenant, row.shard, epoch, [row.wrapped], [context(row)])
            except (EpochGone, EpochUnknown, Integrity):
                continue
            return key_id not in self.sealed or bool(open_version(*self.sealed[key_id], secret, ()).content)
        return False


def steal(tenant: UUID, keyring: psycopg.Connection, memories) -> Loot:
    columns = "id, purpose, subjects, shard, epoch, wrapped"
    found = keyring.execute(f"SELECT {columns} FROM keyring_key WHERE tenant_id = %s", [tenant]).fetchall()
    rows = [Row(id=i, purpose=p, subjects=tuple(s), shard=n, epoch=e, wrapped=bytes(w)) for i, p, s, n, e, w in found]
    return Loot(
        {row.id: row for row in rows},
        {each.memory.version.id: (each.memory.cube, each.memory.version) for each in memories},
    )


@pytest.mark.parametrize("how", ["subject", "record", "source"])
def test_no_copy_from_before_opens_what_was_forgotten_and_the_controls_do(
    agent, space, officer, tenant, keyring_superuser, how
):
    gone = admitted(agent, space, "Ana plays the violin.", subjects=("crm:1",), source="mail:1")
    controls = [admitted(agent, space, f"Control {n}.", subjects=(f"crm:control{n}",)) for n in range(24)]
    loot = steal(tenant, keyring_superuser, [gone, *controls])
    assert loot.opens(tenant, gone.memory.version.id)
    what = {"subject": {"subject": "crm:1"}, "record": {"ids": [gone.memory.cube.id]}, "source": {"source": "mail:1"}}[
        how
    ]
    assert forget(officer, **what).assurance == "A2"
    assert not loot.opens(tenant, gone.memory.version.id)
    if how == "subject":
        assert not loot.opens(tenant, gone.memory.cube.subject_ids[0])
    shard = loot.keys[gone.memory.version.id].shard
    elsewhere = [each for each in controls if loot.keys[each.memory.version.id].shard != shard]
    assert elsewhere
    assert all(loot.opens(tenant, each.memory.version.id) for each in elsewhere)


def test_a_survivor_of_the_same_shard_is_still_read(agent, space, officer, tenant, keyring_superuser):
    from governance import selectors

    gone = admitted(agent, space, "Ana plays the violin.", subjects=("crm:1",))
    shard = steal(tenant, keyring_superuser, [gone]).keys[gone.memory.version.id].shard
    controls = (admitted(agent, space, f"Control {n}.", subjects=(f"crm:control{n}",)) for n in range(1000))

    def beside(each):
        return steal(tenant, keyring_superuser, [each]).keys[each.memory.version.id].shard == shard

    survivor = next(each for each in controls if beside(each))  # one in sixteen is
    forget(officer, subject="crm:1")
    shown = selectors.memory(agent, memory_id=survivor.memory.cube.id)
    assert shown.memory.payload.content == survivor.memory.payload.content

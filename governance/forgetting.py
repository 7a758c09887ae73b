"""Destroy records: one way for an erasure, an expiry, a withdrawal's end and a rejected candidate.

Freeze and unindex, destroy the keys, purge the rows, leave a tombstone. Every step may be repeated after a crash.
Runs where the eraser's credentials are: never in the web process.
"""

from collections.abc import Sequence
from uuid import UUID

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.principal import Principal
from foundation.kernel.scope import current_tenant, tenant_transaction
from foundation.keyring import keys
from governance import lifecycle
from governance.indexing import unindex
from governance.models import (
    Admission,
    HeaderRevision,
    LineageEdge,
    MemCube,
    State,
    SubjectLink,
    Version,
)


def freeze(ids: Sequence[UUID]) -> None:
    """Take the records out of every read: the flag is read with the row, before any key is used."""
    principal = Principal.system(current_tenant())
    for cube_id in ids:
        with tenant_transaction():
            cube = lifecycle.lock(cube_id)
            if cube is None or cube.frozen or cube.state == State.FORGOTTEN:
                continue
            change = lifecycle.change(cube, act=Act.MEMORY_FREEZE, principal=principal, frozen=True)
            unindex([cube_id])
            record(principal, Act.MEMORY_FREEZE, target=Target("memory", cube_id, cube.version), changes=[change])


def restrict(ids: Sequence[UUID]) -> None:
    """Out of search and agents' sight, and nothing destroyed: what a hold keeps, or waits for its deadline."""
    principal = Principal.system(current_tenant())
    for cube_id in ids:
        with tenant_transaction():
            cube = lifecycle.lock(cube_id)
            if cube is None or cube.state in (State.RESTRICTED, State.FORGOTTEN):
                continue
            change = lifecycle.change(cube, act=Act.MEMORY_RESTRICT, principal=principal, state=State.RESTRICTED)
            unindex([cube_id])
            record(principal, Act.MEMORY_RESTRICT, target=Target("memory", cube_id, cube.version), changes=[change])


def shred(ids: Sequence[UUID], *, more_keys: Sequence[UUID] = ()) -> keys.Destruction:
    """Destroy the keys of frozen records (and `more_keys`), then their rows, and leave tombstones."""
    with tenant_transaction():
        doomed = list(Version.objects.filter(memcube_id__in=ids).values_list("id", flat=True))
    destruction = keys.destroy([*doomed, *more_keys])
    _record_destruction(destruction, len(doomed) + len(more_keys))
    purge(ids)
    for cube_id in ids:
        _entomb(cube_id)
    return destruction


def purge(ids: Sequence[UUID]) -> None:
    """Delete every row that belongs to the records, by the eraser's role."""
    with tenant_transaction(using="eraser"):
        Admission.objects.filter(memcube_id__in=ids).delete()
        LineageEdge.objects.filter(child_id__in=ids).delete()
        LineageEdge.objects.filter(parent_id__in=ids).delete()
        SubjectLink.objects.filter(memcube_id__in=ids).delete()
        HeaderRevision.objects.filter(memcube_id__in=ids).delete()
        Version.objects.filter(memcube_id__in=ids).delete()


def _record_destruction(destruction: keys.Destruction, count: int) -> None:
    principal = Principal.system(current_tenant())
    with tenant_transaction():
        detail = {"keys": count, "assurance": destruction.assurance, "shards": [s.shard for s in destruction.shards]}
        record(principal, Act.KEY_DESTROY, detail=detail)


def _entomb(cube_id: UUID) -> None:
    principal = Principal.system(current_tenant())
    with tenant_transaction():
        cube: MemCube | None = lifecycle.lock(cube_id)
        if cube is None or cube.state == State.FORGOTTEN:
            return
        change = lifecycle.change(
            cube,
            act=Act.MEMORY_ERASE,
            principal=principal,
            state=State.FORGOTTEN,
            frozen=False,
            labels=[],
            subject_ids=[],
            ttl=None,
            expires_at=None,
            erase_at=None,
        )
        record(principal, Act.MEMORY_ERASE, target=Target("memory", cube_id, None), changes=[change])

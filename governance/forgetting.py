"""Destroy records: one way for an erasure, an expiry, a withdrawal's end and a rejected candidate.

Freeze and unindex, destroy the keys, purge the rows, leave a tombstone. Every step may be repeated after a crash.
Runs where the eraser's credentials are: never in the web process.
"""

import os
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.event import Event
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.principal import Principal
from foundation.kernel.scope import current_tenant, tenant_transaction
from foundation.keyring import keys
from governance import lifecycle
from governance.holds import holds_on
from governance.indexing import unindex
from governance.models import (
    Admission,
    Embedding,
    HeaderRevision,
    LineageEdge,
    MemCube,
    State,
    Subject,
    SubjectLink,
    Version,
)
from governance.retention.keeping import kept
from guard.optional_judge import opinions
from guard.pii import vault
from guard.pii.vault import Doomed


def freeze(ids: Sequence[UUID]) -> None:
    """Take the records out of every read: the flag is read with the row, before any key is used."""
    for cube_id in ids:
        _take_out(cube_id, Act.MEMORY_FREEZE, frozen=True)


def restrict(ids: Sequence[UUID]) -> None:
    """Out of search and agents' sight, and nothing destroyed: what a hold keeps, or waits for its deadline."""
    for cube_id in ids:
        _take_out(cube_id, Act.MEMORY_RESTRICT, state=State.RESTRICTED)


def _take_out(cube_id: UUID, act: Act, **header: Any) -> None:
    """Give a record that is not forgotten this header, unless it has it, and unindex it, in one audited transaction."""
    principal = Principal.system(current_tenant())
    with tenant_transaction():
        cube = lifecycle.lock(cube_id)
        if cube is None or cube.state == State.FORGOTTEN:
            return
        if all(getattr(cube, name) == value for name, value in header.items()):
            return
        change = lifecycle.change(cube, act=act, principal=principal, **header)
        unindex([cube_id])
        record(principal, act, target=Target("memory", cube_id, cube.version), changes=[change])


def keys_of(ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """The key ids of every version of the records (inside a transaction)."""
    found: dict[UUID, list[UUID]] = {cube_id: [] for cube_id in ids}
    for cube_id, key_id in Version.objects.filter(memcube_id__in=ids).values_list("memcube_id", "id"):
        found[cube_id].append(key_id)
    return found


def doom_values(version_ids: Collection[UUID], subject_id: UUID | None = None) -> Doomed:
    """Doom the pseudonyms' values that die with these versions and with the subject; a legal hold, or a minimum, keeps
    those that a record under it uses."""
    return vault.doom(version_ids, subject_id, held=_bound)


def _bound(version_ids: Collection[UUID]) -> set[UUID]:
    """Those of the versions whose records a legal hold or a minimum keeps (inside a transaction)."""
    versions = dict(Version.objects.filter(id__in=list(version_ids)).values_list("id", "memcube_id"))
    cubes = list(MemCube.objects.filter(id__in=set(versions.values())))
    bound = holds_on(cubes).keys() | kept(cubes).keys()
    return {version_id for version_id, cube_id in versions.items() if cube_id in bound}


def shred(
    ids: Sequence[UUID], key_ids: Sequence[UUID], subject_id: UUID | None = None
) -> tuple[keys.Destruction, Event]:
    """Destroy the keys of frozen records, those of the values that die with them, then their rows, and leave
    tombstones. May be repeated with the same ids. `subject_id`: the person who is forgotten, if it is one.

    Returns the evidence, and the event that tells of it.
    """
    values = doom_values(key_ids, subject_id).ids
    destruction, event = destroy_keys([*key_ids, *values, *([subject_id] if subject_id else [])])
    vault.purge(values, key_ids)
    purge(ids)
    for cube_id in ids:
        _entomb(cube_id)
    return destruction, event


def unname(subject_id: UUID | None) -> None:
    """Let nothing lead from a person's name to the subject any more (inside a transaction)."""
    unnamed = {"lookup": os.urandom(32), "sealed_name": None, "erased_at": now()}
    Subject.objects.filter(id=subject_id, erased_at=None).update(**unnamed)


def drop_versions(version_ids: Sequence[UUID]) -> None:
    """Destroy versions that were never served, of records that stay (rejected revisions)."""
    values = doom_values(version_ids).ids
    destroy_keys([*version_ids, *values])
    vault.purge(values, version_ids)
    with tenant_transaction(using="eraser"):
        Admission.objects.filter(version_id__in=version_ids).delete()
        opinions.forget(version_ids)
        for dropped in Version.objects.filter(id__in=version_ids):
            LineageEdge.objects.filter(child_id=dropped.memcube_id, child_version=dropped.number).delete()
        Embedding.objects.filter(version_id__in=version_ids).delete()
        Version.objects.filter(id__in=version_ids).delete()


def purge(ids: Sequence[UUID]) -> None:
    """Delete every row that belongs to the records, by the eraser's role."""
    with tenant_transaction(using="eraser"):
        Admission.objects.filter(memcube_id__in=ids).delete()
        LineageEdge.objects.filter(child_id__in=ids).delete()
        LineageEdge.objects.filter(parent_id__in=ids).delete()
        SubjectLink.objects.filter(memcube_id__in=ids).delete()
        HeaderRevision.objects.filter(memcube_id__in=ids).delete()
        version_ids = list(Version.objects.filter(memcube_id__in=ids).values_list("id", flat=True))
        opinions.forget(version_ids)
        Embedding.objects.filter(version_id__in=version_ids).delete()
        Version.objects.filter(memcube_id__in=ids).delete()


def destroy_keys(key_ids: Sequence[UUID]) -> tuple[keys.Destruction, Event]:
    """Destroy keys, which live in a database of their own: an event before, the act, an event after."""
    _record_destruction("intended", {"keys": len(key_ids)})
    destruction = keys.destroy(key_ids)
    shards = [[each.shard, each.old_epoch, each.new_epoch] for each in destruction.shards]
    told = {"keys": len(key_ids), "assurance": str(destruction.assurance), "shards": shards}
    return destruction, _record_destruction("done", told)


def _record_destruction(outcome: str, detail: dict[str, Any]) -> Event:
    with tenant_transaction():
        return record(Principal.system(current_tenant()), Act.KEY_DESTROY, outcome=outcome, detail=detail)


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

"""What nothing may be derived from any more: versions that a rollback found bad, and records that are restricted."""

from collections.abc import Collection
from uuid import UUID

from foundation.kernel.problems import FieldError, Validation
from foundation.kernel.rows import select
from governance.models import Admission, HeaderRevision, LineageEdge, MemCube, State, Version
from governance.opening import Place
from governance.rollbacks.models import RollbackItem
from governance.rollbacks.taint import base_of

Step = RollbackItem.Step
NOT_DONE = (Step.PLANNED, Step.DENIED)


def undone(places: Collection[Place]) -> set[Place]:
    """Those of the versions that were bad when their record was rolled back, and all of a record that is restricted
    (inside a transaction). What waits for a reviewer is among them until he approves of it."""
    ids = {cube_id for cube_id, _ in places}
    if not ids:
        return set()
    restricted = set(MemCube.objects.filter(id__in=ids, state=State.RESTRICTED).values_list("id", flat=True))
    bad = _bad(ids)
    return {place for place in places if place in bad or place[0] in restricted}


def refuse_undone(places: Collection[Place]) -> None:
    """Raises `Validation` if one of the versions is undone. No rollback changes their records before the transaction
    ends: one that is at it is waited for."""
    if ids := sorted({cube_id for cube_id, _ in places}):
        select(MemCube, "id = ANY(%s)", [ids], last="ORDER BY id FOR KEY SHARE")
    if undone(places):
        raise Validation(errors=[FieldError("/provenance/parents", "unknown", "A parent does not exist.")])


def rests_on_undone(version_id: UUID) -> bool:
    """Whether anything that the version was made from is undone (inside a transaction)."""
    return bool(undone(_made_of(Version.objects.get(id=version_id))))


def lock_with_origins(cube_id: UUID, version_id: UUID) -> MemCube | None:
    """The record, locked until the transaction ends, and with it those that its version was made from: no rollback
    changes any of them meanwhile. To be called before its admissions are locked: a rollback locks records in order of
    their ids and their admissions after them, and who did otherwise would wait for it while it waits for him."""
    version = Version.objects.filter(id=version_id).first()
    origins = {parent_id for parent_id, _ in _made_of(version)} if version else set()
    ids = sorted({cube_id} | origins)
    # "NO KEY": what is derived from one of them needs not wait.
    cubes = select(MemCube, "id = ANY(%s)", [ids], last="ORDER BY id FOR NO KEY UPDATE")
    return next((cube for cube in cubes if cube.id == cube_id), None)


def _made_of(version: Version) -> set[Place]:
    """What the version was made from: the parents it names, and what it revised (inside a transaction)."""
    cube_id, number = version.memcube_id, version.number
    edges = LineageEdge.objects.filter(child_id=cube_id, child_version=number)
    base = base_of(version, list(HeaderRevision.objects.filter(memcube_id=cube_id).order_by("rev")))
    revised = set() if base is None else {(cube_id, base)}
    return revised | set(edges.values_list("parent_id", "parent_version"))


def _bad(ids: Collection[UUID]) -> set[Place]:
    items = list(RollbackItem.objects.filter(memcube_id__in=ids).exclude(step__in=NOT_DONE))
    set_aside = [item.memcube_id for item in items if item.action == RollbackItem.Action.HOLD]
    approved = _approved(set_aside) if set_aside else set()
    return {
        (item.memcube_id, number)
        for item in items
        if item.action != RollbackItem.Action.HOLD or (item.memcube_id, item.from_version) not in approved
        for number in item.tainted
    }


def _approved(ids: Collection[UUID]) -> set[Place]:
    rows = Admission.objects.filter(memcube_id__in=ids, state=Admission.State.APPROVED)
    return set(rows.values_list("memcube_id", "version"))

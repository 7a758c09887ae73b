"""Which versions a rollback has taken back: nothing may be derived from them any more."""

from collections.abc import Collection
from uuid import UUID

from governance.rollbacks.models import RollbackItem

TAKEN_BACK = (RollbackItem.Action.RESTORE, RollbackItem.Action.WITHDRAW)


def undone(ids: Collection[UUID]) -> set[tuple[UUID, int]]:
    """Of these records, the versions that were bad when they were rolled back (inside a transaction). What was only set
    aside for a reviewer is not among them: he decides."""
    rows = RollbackItem.objects.filter(
        memcube_id__in=list(ids), action__in=TAKEN_BACK, step=RollbackItem.Step.DONE
    ).values_list("memcube_id", "tainted")
    return {(cube_id, number) for cube_id, numbers in rows for number in numbers}

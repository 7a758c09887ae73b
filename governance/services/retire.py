"""Destroy records whose time has come: withdrawn ones after their grace, expired ones, rejected candidates."""

from collections.abc import Sequence
from uuid import UUID

from foundation.kernel.clock import now
from foundation.kernel.scope import tenant_transaction
from foundation.search import generations
from governance import forgetting
from governance.holds import holds_on
from governance.models import Admission, MemCube, State
from governance.retention.keeping import kept
from governance.selectors import is_expired
from governance.timeline import ever_served
from guard.lessons import erasing as lessons


def retire(ids: Sequence[UUID]) -> None:
    """Destroy those of the records that are over and that neither a hold nor a minimum keeps; the others stay. Needs
    the eraser's credentials."""
    with tenant_transaction():
        cubes = list(MemCube.objects.filter(id__in=list(ids)).exclude(state=State.FORGOTTEN))
        bound = holds_on(cubes).keys() | _kept(cubes)
        over = [cube.id for cube in cubes if cube.id not in bound and _is_over(cube)]
        refused = Admission.objects.filter(memcube_id__in=over, state=Admission.State.REJECTED)
        taught = set(refused.values_list("memcube_id", flat=True))
        key_ids = [key for found in forgetting.keys_of(over).values() for key in found]
    forgetting.freeze(over)
    if over:
        # What a reviewer refused has taught something, and that is what stays of it.
        lessons.forget([cube_id for cube_id in over if cube_id not in taught])
        forgetting.shred(over, key_ids)
        _owe_key(set(over) - taught)


def _kept(cubes: Sequence[MemCube]) -> set[UUID]:
    """What a minimum keeps: of what was never in service, nothing."""
    return ever_served(kept(cubes).keys())


def _owe_key(indexed: set[UUID]) -> None:
    """The index key has been used for these."""
    if indexed:
        with tenant_transaction():
            generations.owe()


def _is_over(cube: MemCube) -> bool:
    grace_over = cube.state == State.WITHDRAWN and cube.erase_at is not None and cube.erase_at <= now()
    return cube.frozen or grace_over or is_expired(cube)

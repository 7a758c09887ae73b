"""Which legal holds cover which records."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from foundation.kernel.problems import FieldError
from foundation.kernel.problems import LegalHold as UnderHold
from governance.models import LegalHold, MemCube


def holds_on(cubes: Iterable[MemCube]) -> dict[UUID, list[UUID]]:
    """For each covered record, the placed holds that cover it (inside a transaction)."""
    placed = list(LegalHold.objects.filter(state=LegalHold.State.PLACED).order_by("id"))
    covering = ((cube.id, [hold.id for hold in placed if covers(hold, cube)]) for cube in cubes)
    return {cube_id: holds for cube_id, holds in covering if holds}


def held_by_any() -> Q:
    """The records that a placed hold covers, as a condition (inside a transaction): exactly those of `holds_on`."""
    condition = Q(pk__in=[])
    for hold in LegalHold.objects.filter(state=LegalHold.State.PLACED):
        condition |= Q(id__in=hold.memcube_ids)
        if hold.space_id:
            condition |= Q(space_id=hold.space_id)
        if hold.subject_id:
            condition |= Q(subject_ids__contains=[hold.subject_id])
    return condition


def covers(hold: LegalHold, cube: MemCube) -> bool:
    """Whether the record is in the hold's selection, whose parts are alternatives."""
    return (
        (hold.subject_id is not None and hold.subject_id in cube.subject_ids)
        or (hold.space_id is not None and hold.space_id == cube.space_id)
        or cube.id in hold.memcube_ids
    )


def refuse_held(cube: MemCube) -> None:
    """Raises the problem `legal-hold`, naming the holds, if any covers the record."""
    holds = holds_on([cube]).get(cube.id)
    if holds:
        raise UnderHold(
            "The record is under hold.",
            errors=[FieldError("", "legal-hold")],
            extra={"hold_ids": [str(each) for each in holds]},
        )

"""What stands around a result in its session: the turns before and after it, as far as the asker may read them.

A neighbour is served, permitted and verified exactly as a hit is; it is only not searched for.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q

from foundation.kernel.principal import Principal
from governance import lifecycle, opening
from governance.models import MemCube, Version
from governance.opening import Place, Row
from governance.selectors import is_expired, may_read
from governance.timeline import Moment, at_moment

FARTHEST = 5
MOST = 200  # neighbours of one answer; those of the better hits come first

_Spot = tuple[UUID, bytes, int]  # space, session, position


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Rows around hits that are no hits themselves, which versions are beside which hit (in order of position), and how
    many may not be read."""

    rows: tuple[Row, ...] = ()
    beside: Mapping[Place, tuple[Place, ...]] = field(default_factory=dict)
    withheld: int = 0


def versions_at(cubes: Mapping[UUID, MemCube], moment: Moment) -> dict[UUID, int]:
    """The version of each record that is served at `moment`; a record that is not served is left out."""
    living = {cube_id: cube for cube_id, cube in cubes.items() if not cube.frozen and not is_expired(cube)}
    served = {cube_id: cube.version for cube_id, cube in living.items() if cube.state in lifecycle.SERVED}
    return at_moment(served, moment) if moment else served


def around(principal: Principal, hits: Sequence[Row], reach: int, moment: Moment) -> Surroundings:
    """Up to `reach` turns either way of each hit, within its space and session (in the hits' snapshot)."""
    spots = {_place(row): spot for row in hits if (spot := _spot(row.cube, row.version))}
    if not reach or not spots:
        return Surroundings()
    found = _near(spots.values(), reach)
    cubes = {cube.id: cube for cube in MemCube.objects.filter(id__in={version.memcube_id for version in found})}
    standing = versions_at(cubes, moment)
    served = [version for version in found if standing.get(version.memcube_id) == version.number]
    readable = [version for version in served if may_read(principal, cubes[version.memcube_id])]
    beside = _beside(spots, readable, cubes, reach)
    chosen = list(dict.fromkeys(place for places in beside.values() for place in places if place not in spots))
    rows = opening.rows(chosen)
    return Surroundings(tuple(rows), beside, len(served) - len(readable))


def _place(row: Row) -> Place:
    return row.cube.id, row.version.number


def _spot(cube: MemCube, version: Version) -> _Spot | None:
    if version.session_key is None or version.position is None:
        return None
    return cube.space_id, bytes(version.session_key), version.position


def _near(spots: Iterable[_Spot], reach: int) -> list[Version]:
    """Every version that stands near any of the spots, in whatever space and state."""
    near: dict[bytes, set[int]] = defaultdict(set)
    for _, session, position in spots:
        near[session].update(range(position - reach, position + reach + 1))
    wanted = Q()
    for session, positions in near.items():
        wanted |= Q(session_key=session, position__in=positions)
    return list(Version.objects.filter(wanted).defer("sealed", "sealed_embedding").order_by("memcube_id", "number"))


def _beside(
    spots: Mapping[Place, _Spot], versions: Sequence[Version], cubes: Mapping[UUID, MemCube], reach: int
) -> dict[Place, tuple[Place, ...]]:
    standing: dict[_Spot, list[Place]] = defaultdict(list)
    for version in versions:
        if spot := _spot(cubes[version.memcube_id], version):
            standing[spot].append((version.memcube_id, version.number))
    left, beside = MOST, {}
    for place, (space, session, position) in spots.items():
        near = [each for at in range(position - reach, position + reach + 1) for each in standing[space, session, at]]
        beside[place] = tuple(each for each in near if each != place)[:left]
        left -= len(beside[place])
    return beside

"""What a rollback asks of each record that a bad version touches, and the hash of exactly that."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from audit.acts import Act
from foundation.kernel.canonical import canonical
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Conflict, Problem
from foundation.kernel.rows import in_parts, select
from governance.holds import holds_on
from governance.models import Admission, ErasureItem, ErasureRequest, MemCube, State
from governance.opening import Place
from governance.rollbacks.models import Rollback, RollbackItem
from governance.rollbacks.retrievals import count_retrievals
from governance.rollbacks.taint import Selection, Taint, by_record, tainted
from governance.timeline import served_from
from guard.lessons.undoing import resting_on
from tenants.policy import Resource, may

Action = RollbackItem.Action
IN_REACH = frozenset({State.ACTIVE, State.HELD, State.RESTRICTED})
"""States from which a bad version is served, or could be by one decision."""
COUNTED = {
    Action.RESTORE: "restored",
    Action.WITHDRAW: "withdrawn",
    Action.HOLD: "held",
    Action.RESTRICT: "restricted",
    Action.REFUSE: "refused",
}


@dataclass(frozen=True, slots=True)
class Undoing:
    """What is to be done with one record: `from_version` is bad; `to_version` is its last clean one (of a restore)."""

    cube: MemCube
    action: RollbackItem.Action
    from_version: int
    to_version: int | None
    tainted: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """Everything a selection asks for. `places`: every bad version, those of the past too."""

    places: Mapping[Place, Taint]
    undoings: tuple[Undoing, ...]

    @cached_property
    def manifest(self) -> str:
        """A hash of exactly what will be done: any change of a record or of what it needs changes it."""
        lines = [
            [str(each.cube.id), each.cube.rev, each.action.value, each.from_version, each.to_version or 0]
            for each in self.undoings
        ]
        return "sha256:" + hashlib.sha256(canonical(lines)).hexdigest()

    @cached_property
    def counts(self) -> dict[str, int]:
        """Records by what is done with them; searches that handed a bad version out; lessons that rest on one (inside
        a transaction). None is known to be `unrecoverable` before its key is asked for."""
        done = Counter(each.action for each in self.undoings)
        counted = {name: done[action] for action, name in COUNTED.items()}
        used = {"retrievals": count_retrievals(self.places), "lessons": len(resting_on(self.places))}
        return counted | {"unrecoverable": 0} | used


@dataclass(frozen=True, slots=True)
class _Around:
    """What a decision about records needs besides their headers."""

    served: Mapping[UUID, Collection[int]]
    waiting: Mapping[UUID, set[int]]
    held: Collection[UUID]
    leaving: Collection[UUID]


def plan(selection: Selection) -> Plan:
    """What undoing the selection takes, in order of the records' ids (inside a transaction)."""
    places = tainted(selection)
    bad = by_record(places)
    found: list[Undoing] = []
    for part in in_parts(sorted(bad)):
        cubes = select(MemCube, "id = ANY(%s) AND NOT frozen", [part], last="ORDER BY id")
        cubes = [cube for cube in cubes if cube.state in IN_REACH]
        around = _around(cubes)
        found += [undoing for cube in cubes if (undoing := _decide(cube, bad[cube.id], around))]
    return Plan(places, tuple(found))


def selection_of(rollback: Rollback) -> Selection:
    """What the order chose, as it is kept."""
    source, actor, session = (
        None if key is None else bytes(key) for key in (rollback.source_key, rollback.actor_key, rollback.session_key)
    )
    ids = tuple(rollback.memcube_ids)
    return Selection(source, actor, session, rollback.writer_id, rollback.space_id, rollback.since, ids)


def may_undo(principal: Principal, cube: MemCube) -> bool:
    """Whether the principal may roll the record back."""
    try:
        may(principal, Act.MEMORY_ROLLBACK, Resource(space_id=cube.space_id, labels=tuple(cube.labels)))
    except Problem:
        return False
    return True


def leaving(ids: Collection[UUID]) -> set[UUID]:
    """Those of the records that an erasure has begun to take (inside a transaction)."""
    begun = (ErasureRequest.State.RUNNING, ErasureRequest.State.PARTIAL)
    orders = ErasureRequest.objects.filter(state__in=begun).values("id")
    items = ErasureItem.objects.filter(memcube_id__in=list(ids), request_id__in=orders)
    return set(items.values_list("memcube_id", flat=True))


def refuse_leaving(cube: MemCube) -> None:
    """Raises `Conflict` if an erasure waits to take the record: nothing serves it again meanwhile."""
    if leaving([cube.id]):
        raise Conflict("An erasure waits for this record.")


def _around(cubes: Collection[MemCube]) -> _Around:
    ids = [cube.id for cube in cubes]
    waiting: dict[UUID, set[int]] = defaultdict(set)
    pending = Admission.objects.filter(memcube_id__in=ids, state=Admission.State.HELD)
    for cube_id, number in pending.values_list("memcube_id", "version"):
        waiting[cube_id].add(number)
    return _Around(served_from(ids), waiting, holds_on(cubes), leaving(ids))


def _decide(cube: MemCube, bad: Mapping[int, Taint], around: _Around) -> Undoing | None:
    """What the record needs, if anything. What an erasure has begun to take is left to it: nothing comes back."""
    if cube.id in around.leaving:
        return None
    clean = max((number for number in around.served[cube.id] if number not in bad), default=None)
    action = _action(cube, bad, around, clean)
    if action is None:
        return None
    waiting = around.waiting[cube.id] & bad.keys()
    number = cube.version if cube.version in bad else max(waiting)
    to = clean if action is Action.RESTORE else None
    return Undoing(cube, action, number, to, tuple(sorted(bad)))


def _action(cube: MemCube, bad: Mapping[int, Taint], around: _Around, clean: int | None) -> RollbackItem.Action | None:
    if cube.version not in bad:
        return _of_waiting({bad[number] for number in around.waiting[cube.id] & bad.keys()})
    if cube.id in around.held:
        return None if cube.state == State.RESTRICTED else Action.RESTRICT
    if clean is not None:
        return Action.RESTORE
    if bad[cube.version] is Taint.WHOLE:
        return Action.WITHDRAW
    return None if cube.state == State.RESTRICTED else Action.HOLD


def _of_waiting(taints: Collection[Taint]) -> RollbackItem.Action | None:
    """Of a record whose served version is clean: what waits for review to take its place."""
    if Taint.WHOLE in taints:
        return Action.REFUSE
    return Action.HOLD if taints else None

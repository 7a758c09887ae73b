"""Which versions are bad: those that were chosen, and all that was made from them, over [id, version] edges.

A version is made from the parents it names, from the version it revised (a revision carries over what it does not
change) and, where a rollback took up an earlier one, from that alone: a copy is as good as what it copies.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from audit.acts import Act
from foundation.kernel.rows import in_parts, select
from governance.models import HeaderRevision, LineageEdge, MemCube, Version
from governance.opening import Place

_SEALED = ("sealed", "sealed_embedding")


class Taint(StrEnum):
    """How bad a version is. Wholly: it was chosen, or made from nothing but wholly bad ones. Partly: not from all."""

    WHOLE = "whole"
    PART = "part"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which versions are bad to begin with: those that meet every part that is given. `since`: recorded then or later;
    `writer_id`: the principal whose credential wrote them."""

    source_key: bytes | None = None
    actor_key: bytes | None = None
    session_key: bytes | None = None
    writer_id: UUID | None = None
    space_id: UUID | None = None
    since: datetime | None = None
    memcube_ids: tuple[UUID, ...] = ()


def tainted(selection: Selection) -> dict[Place, Taint]:
    """Every bad version, and how bad it is (inside a transaction)."""
    chosen = _chosen(selection)
    graph = _Graph()
    found, frontier = set(chosen), set(chosen)
    while frontier:
        frontier = graph.made_from(frontier) - found
        found |= frontier
    derived = found - chosen
    graph.read_parents(derived)
    partly = _partly(chosen, {place: graph.inputs(place) for place in derived}, found)
    return {place: Taint.PART if place in partly else Taint.WHOLE for place in found}


def by_record(places: Mapping[Place, Taint]) -> dict[UUID, dict[int, Taint]]:
    """The bad versions of each record."""
    found: dict[UUID, dict[int, Taint]] = defaultdict(dict)
    for (cube_id, number), taint in places.items():
        found[cube_id][number] = taint
    return found


def _chosen(selection: Selection) -> set[Place]:
    """What meets the selection; a copy that a rollback made is judged by what it copies."""
    given: dict[str, Any] = {
        "source_key": selection.source_key,
        "actor_key": selection.actor_key,
        "session_key": selection.session_key,
        "principal_id": selection.writer_id,
        "recorded_at__gte": selection.since,
    }
    rows = Version.objects.filter(reverts_to=None, **{name: each for name, each in given.items() if each is not None})
    if selection.space_id is not None:
        rows = rows.filter(memcube_id__in=MemCube.objects.filter(space_id=selection.space_id).values("id"))
    if selection.memcube_ids:
        rows = rows.filter(memcube_id__in=selection.memcube_ids)
    return set(rows.values_list("memcube_id", "number"))


class _Graph:
    """Edges between versions, read record by record as far as the walk comes."""

    def __init__(self) -> None:
        self._bases: dict[Place, Place] = {}
        self._revised: dict[Place, set[Place]] = defaultdict(set)
        self._copies: set[Place] = set()
        self._parents: dict[Place, set[Place]] = defaultdict(set)
        self._read: set[UUID] = set()

    def made_from(self, places: Collection[Place]) -> set[Place]:
        """What was made directly from any of the versions."""
        wanted, ids = set(places), {cube_id for cube_id, _ in places}
        self._read_records(ids)
        found = {place for each in wanted for place in self._revised[each]}
        for part in in_parts(ids):
            for edge in select(LineageEdge, "parent_id = ANY(%s)", [part]):
                if (edge.parent_id, edge.parent_version) in wanted:
                    found.add((edge.child_id, edge.child_version))
        self._read_records({cube_id for cube_id, _ in found})
        return found

    def read_parents(self, places: Collection[Place]) -> None:
        """Read the parents that the versions name: `inputs` tells them from then on."""
        for part in in_parts({cube_id for cube_id, _ in places}):
            for edge in select(LineageEdge, "child_id = ANY(%s)", [part]):
                self._parents[edge.child_id, edge.child_version].add((edge.parent_id, edge.parent_version))

    def inputs(self, place: Place) -> set[Place]:
        """What the version was made from."""
        base = {self._bases[place]} if place in self._bases else set()
        return base if place in self._copies else base | self._parents[place]

    def _read_records(self, ids: Collection[UUID]) -> None:
        new = set(ids) - self._read
        self._read |= new
        for part in in_parts(new):
            history: dict[UUID, list[HeaderRevision]] = defaultdict(list)
            for revision in select(HeaderRevision, "memcube_id = ANY(%s)", [part], last="ORDER BY rev"):
                history[revision.memcube_id].append(revision)
            versions: dict[UUID, list[Version]] = defaultdict(list)
            for row in select(Version, "memcube_id = ANY(%s)", [part], without=_SEALED, last="ORDER BY number"):
                versions[row.memcube_id].append(row)
            for cube_id, rows in versions.items():
                self._link(rows, history[cube_id])

    def _link(self, rows: Sequence[Version], history: Sequence[HeaderRevision]) -> None:
        """Note which version of the one record each was made from."""
        numbers = {row.number for row in rows}
        for row in rows:
            base = row.reverts_to or base_of(row, history)
            if base in numbers:
                place = (row.memcube_id, row.number)
                self._bases[place] = (row.memcube_id, base)
                self._revised[row.memcube_id, base].add(place)
                if row.reverts_to:
                    self._copies.add(place)


def base_of(row: Version, history: Sequence[HeaderRevision]) -> int | None:
    """The version that was current when this one was written; None where it is no revision."""
    if row.act != Act.MEMORY_REVISE:
        return None
    before = [each.version for each in history if each.version < row.number and each.at <= row.recorded_at]
    return before[-1] if before else row.number - 1


def _partly(chosen: Collection[Place], inputs: Mapping[Place, set[Place]], found: Collection[Place]) -> set[Place]:
    """Those that were made of something clean too, or of what was."""
    partly = {place for place, made_from in inputs.items() if not made_from <= set(found)}
    makes: dict[Place, set[Place]] = defaultdict(set)
    for place, made_from in inputs.items():
        for each in made_from:
            makes[each].add(place)
    frontier = set(partly)
    while frontier:
        frontier = {each for place in frontier for each in makes[place]} - partly - set(chosen)
        partly |= frontier
    return partly

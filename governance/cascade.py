"""What an erasure takes with it: the named records, and everything derived from them."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from foundation.kernel.canonical import canonical
from governance.holds import holds_on
from governance.models import LineageEdge, MemCube, State, SubjectLink, Version
from governance.retention.keeping import Keeping, kept
from guard.lessons.erasing import doomed_by

Spares = Callable[[Collection[UUID]], Collection[UUID]]


class Relation(StrEnum):
    """Why a record is in an erasure. The first two are erased at once; the others leave retrieval at once and are
    erased at the deadline, unless they were re-derived without what is erased."""

    NAMED = "named"
    DERIVED_SOLE = "derived_sole"
    DERIVED_PARTIAL = "derived_partial"
    SHARED = "shared"

    @property
    def at_once(self) -> bool:
        return self in (Relation.NAMED, Relation.DERIVED_SOLE)


@dataclass(frozen=True, slots=True)
class Selection:
    """What to forget: exactly one of these."""

    subject_id: UUID | None = None
    memcube_ids: tuple[UUID, ...] = ()
    space_id: UUID | None = None
    source_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Cascade:
    """The records of an erasure with their relations, and which of them legal holds keep, or else a minimum."""

    relations: dict[UUID, Relation]
    revs: dict[UUID, int]
    versions: int
    held: dict[UUID, list[UUID]]
    lessons: int = 0
    kept: dict[UUID, Keeping] = field(default_factory=dict)

    @property
    def manifest(self) -> str:
        """A hash of exactly what will be done: any change of a record, a relation or of what keeps it changes it."""
        items = [
            [str(cube_id), self.revs[cube_id], relation.value, cube_id in self.held or cube_id in self.kept]
            for cube_id, relation in sorted(self.relations.items())
        ]
        return "sha256:" + hashlib.sha256(canonical(items)).hexdigest()

    @property
    def counts(self) -> dict[str, int]:
        """Counts by class. `records` are those the selection names; each derived class is counted apart."""
        by_relation = {relation: sum(each is relation for each in self.relations.values()) for relation in Relation}
        return {
            "records": by_relation[Relation.NAMED],
            "versions": self.versions,
            "derived_sole": by_relation[Relation.DERIVED_SOLE],
            "derived_partial": by_relation[Relation.DERIVED_PARTIAL],
            "shared": by_relation[Relation.SHARED],
            "held": len(self.held),
            "exempted": len(self.kept),
            "lessons": self.lessons,
        }


def cascade(selection: Selection, spares: Spares = lambda _: ()) -> Cascade:
    """Everything the selection reaches (inside a transaction). `spares`: of records derived from it, those that stay,
    with what is derived from them."""
    named = {cube.id: cube for cube in _named(selection)}
    relations = {cube_id: _first_relation(cube, selection) for cube_id, cube in named.items()}
    _descend(relations, spares)
    _tell_derived(relations)
    cubes = {cube.id: cube for cube in MemCube.objects.filter(id__in=relations).exclude(state=State.FORGOTTEN)}
    held = holds_on(cubes.values())
    return Cascade(
        relations={cube_id: relations[cube_id] for cube_id in cubes},
        revs={cube_id: cube.rev for cube_id, cube in cubes.items()},
        versions=Version.objects.filter(memcube_id__in=cubes).count(),
        held=held,
        lessons=len(doomed_by(cubes, selection.subject_id)),
        kept=kept(cube for cube in cubes.values() if cube.id not in held),
    )


def _named(selection: Selection) -> Iterable[MemCube]:
    living = MemCube.objects.exclude(state=State.FORGOTTEN)
    if selection.subject_id:
        links = SubjectLink.objects.filter(subject_id=selection.subject_id).values_list("memcube_id", flat=True)
        return living.filter(id__in=list(links))
    if selection.space_id:
        return living.filter(space_id=selection.space_id)
    if selection.source_key:
        sources = Version.objects.filter(source_key=selection.source_key).values_list("memcube_id", flat=True)
        return living.filter(id__in=set(sources))
    return living.filter(id__in=selection.memcube_ids)


def _first_relation(cube: MemCube, selection: Selection) -> Relation:
    others = set(cube.subject_ids) - {selection.subject_id}
    return Relation.SHARED if selection.subject_id and others else Relation.NAMED


def _descend(relations: dict[UUID, Relation], spares: Spares) -> None:
    """Add what is derived, until nothing more is: sole where every parent is erased at once, else partial."""
    frontier = set(relations)
    while frontier:
        children = _children(frontier) - relations.keys()
        parents = _parents(children.difference(spares(children)))
        # A sibling found in this round may be the parent that makes another wholly derived: decide again next round.
        for child, ancestors in parents.items():
            sole = all(relations.get(each, Relation.SHARED).at_once for each in ancestors)
            relations[child] = Relation.DERIVED_SOLE if sole else Relation.DERIVED_PARTIAL
        frontier = set(parents)
    _settle(relations)


def _tell_derived(relations: dict[UUID, Relation]) -> None:
    """Subjects propagate to what is derived, so a selection names it too: count it for what it is."""
    named = {cube_id for cube_id, relation in relations.items() if relation is Relation.NAMED}
    wholly = {child for child, parents in _parents(named).items() if all(_at_once(relations, each) for each in parents)}
    relations.update(dict.fromkeys(wholly, Relation.DERIVED_SOLE))


def _settle(relations: dict[UUID, Relation]) -> None:
    """Raise partial derivations to sole once all their parents turned out to be erased at once."""
    partial = {cube_id for cube_id, relation in relations.items() if relation is Relation.DERIVED_PARTIAL}
    parents, changed = _parents(partial), True
    while changed:
        sole = {child for child in partial if all(_at_once(relations, each) for each in parents[child])}
        relations.update(dict.fromkeys(sole, Relation.DERIVED_SOLE))
        partial, changed = partial - sole, bool(sole)


def _at_once(relations: dict[UUID, Relation], cube_id: UUID) -> bool:
    return cube_id in relations and relations[cube_id].at_once


def _children(ids: set[UUID]) -> set[UUID]:
    return set(LineageEdge.objects.filter(parent_id__in=ids).values_list("child_id", flat=True))


def _parents(ids: set[UUID]) -> dict[UUID, set[UUID]]:
    found: dict[UUID, set[UUID]] = defaultdict(set)
    for child, parent in LineageEdge.objects.filter(child_id__in=ids).values_list("child_id", "parent_id"):
        found[child].add(parent)
    return found

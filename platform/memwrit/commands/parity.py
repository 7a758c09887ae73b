"""`memwrit parity`: does the index hold exactly the versions that are served? Orphans are a privacy incident.

Missing and stale are told of the generation that is asked; orphans of every one that is written to. Work that waits in
the outbox may still be on its way into the index, so it is told beside them. With `--mend` orphans are taken out first,
then what is missing or stale is put again, and both are compared once more.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from foundation.kernel import outbox
from foundation.kernel.problems import Unavailable
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.search import generations
from foundation.search.engine import engine
from foundation.search.port import Collection, Expected, Key
from governance import indexing
from governance.models import MemCube
from guard.lessons import indexing as lessons
from guard.models import Lesson
from memwrit.commands.telling import chosen_tenants

DIFFERENT, AWAY = 1, 2
BATCH = 200
NEVER_LATER = 2**40  # a revision for what has no record any more: nothing comes after it
Version = tuple[Collection, UUID, int]


@dataclass(slots=True)
class Difference:
    """How one tenant's index differs from its records."""

    missing: set[Version] = field(default_factory=set)
    stale: set[Version] = field(default_factory=set)
    orphans: set[Version] = field(default_factory=set)

    @property
    def holds(self) -> bool:
        return not (self.missing or self.stale or self.orphans)


def run(arguments: argparse.Namespace) -> int:
    """0 when both agree for every tenant, 1 when not, 2 when an index could not be asked."""
    return max((_tenant(tenant_id, arguments) for tenant_id in chosen_tenants(arguments)), default=0)


def _tenant(tenant_id: UUID, arguments: argparse.Namespace) -> int:
    with tenant_scope(tenant_id):
        try:
            found = compare()
            if arguments.mend and not found.holds:
                _say(tenant_id, found, arguments)
                mend(found)
                found = compare()
        except Unavailable as away:
            told = {"tenant_id": str(tenant_id), "unavailable": away.detail}
            print(json.dumps(told) if arguments.json else f"{tenant_id}  unavailable: {away.detail}")
            return AWAY
        _say(tenant_id, found, arguments)
    return 0 if found.holds else DIFFERENT


def compare() -> Difference:
    """In the tenant's scope. Raises `Unavailable` where the engine cannot be asked."""
    found = Difference()
    with tenant_transaction(snapshot=True):
        expected = {Collection.MEMORY: list(indexing.expected()), Collection.LESSON: list(_lessons())}
        for number, generation in enumerate(generations.live()):
            for collection, wanted in expected.items():
                parity = engine().parity(generation, collection, wanted)
                found.orphans |= _of(collection, parity.orphans)
                if number == 0:  # the one that is asked; the others may still be filled
                    found.missing |= _of(collection, parity.missing)
                    found.stale |= _of(collection, parity.stale)
    return found


def mend(found: Difference) -> None:
    """Orphans first. What the records say now decides, not what they said when they were compared."""
    _take_out(found.orphans)
    again = found.missing | found.stale
    for collection, put in ((Collection.MEMORY, indexing.reindex), (Collection.LESSON, lessons.reindex)):
        ids = sorted({record for kind, record, _ in again if kind is collection})
        for start in range(0, len(ids), BATCH):
            put(ids[start : start + BATCH])


def _take_out(orphans: Iterable[Version]) -> None:
    with tenant_transaction():
        wanted = {(Collection.MEMORY, one.id, one.version) for one in indexing.expected()}
        wanted |= {(Collection.LESSON, one.id, one.version) for one in _lessons()}
        gone = set(orphans) - wanted
        ids = {record for _, record, _ in gone}
        revs = dict(MemCube.objects.filter(id__in=ids).values_list("id", "rev"))
        revs |= dict(Lesson.objects.filter(id__in=ids).values_list("id", "rev"))
        if keys := [Key(*one, rev=revs.get(one[1], NEVER_LATER)) for one in sorted(gone)]:
            engine().remove(keys)


def _lessons() -> Iterable[Expected]:
    return (Expected(one.id, one.version, one.rev, superseded=False) for one in lessons.entries())


def _of(collection: Collection, versions: Iterable[tuple[UUID, int]]) -> set[Version]:
    return {(collection, record, version) for record, version in versions}


def _say(tenant_id: UUID, found: Difference, arguments: argparse.Namespace) -> None:
    told: dict[str, Any] = {"tenant_id": str(tenant_id)}
    told |= {name: len(getattr(found, name)) for name in ("missing", "stale", "orphans")}
    told["waiting"] = outbox.waiting(tenant_id)
    if arguments.json:
        told["orphan_ids"] = sorted({str(record) for _, record, _ in found.orphans})[:100]
        print(json.dumps(told), flush=True)
        return
    print("  ".join([str(tenant_id), *(f"{name} {told[name]}" for name in ("missing", "stale", "orphans", "waiting"))]))

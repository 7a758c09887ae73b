"""What governance does for the guard's lessons: it keeps the records they are made of, cited from and tried on."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol
from uuid import UUID

from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal
from foundation.kernel.scope import tenant_transaction
from governance import lifecycle, opening
from governance.judging import Judged
from governance.models import Admission, MemCube, Version
from governance.selectors import may_read, reach_space
from governance.weighing import path_of
from guard.lessons.intake import Sighting, note, note_outcome
from guard.lessons.port import Witness
from guard.standing import Origin
from guard.types import Path, Ref
from tenants.roles import ACTS

BENIGN = 1000
"""Records a lesson is tried on at most, and of how many decisions they are chosen."""
LOOKED_THROUGH = 5000
MOST_OF_A_SOURCE = 200
"""Of one source: so that whoever writes much does not say what is benign."""
BATCH = 100
GOOD = (Admission.State.ADMITTED, Admission.State.APPROVED)


class Records:
    """`guard.lessons.port.Records`, on the tenant's MemCubes."""

    def pii_policy(self, principal: Principal, space_id: UUID, act: str) -> UUID | None:
        return reach_space(principal, space_id, act).pii_policy_id

    def witnesses(self, principal: Principal, refs: Sequence[Ref]) -> list[Witness]:
        with tenant_transaction(snapshot=True):
            good = self._good(principal, [cube_id for cube_id, _ in refs])
            numbers = Version.objects.filter(memcube_id__in=list(good)).values_list("memcube_id", "number")
            rows = opening.rows(sorted(set(refs) & set(numbers)))
        found = {memory.place: memory for memory in opening.unseal_existing(rows)}
        return [_witness(found[ref]) for ref in refs if ref in found]

    def readable(self, principal: Principal, ids: Sequence[UUID]) -> frozenset[UUID]:
        with tenant_transaction():
            return frozenset(self._good(principal, ids))

    def benign(self) -> Iterator[Path]:
        chosen = _benign_places()
        for start in range(0, len(chosen), BATCH):
            places = chosen[start : start + BATCH]
            with tenant_transaction(snapshot=True):
                served = MemCube.objects.filter(id__in=[each for each, _ in places], frozen=False)
                ids = set(served.filter(state__in=lifecycle.SERVED).values_list("id", flat=True))
                rows = opening.rows([place for place in places if place[0] in ids])
            yield from (path_of(memory) for memory in opening.unseal_existing(rows) if memory.payload.path)

    def _good(self, principal: Principal, ids: Collection[UUID]) -> set[UUID]:
        if principal.role not in ACTS["memory.read"]:
            return set()
        return {cube.id for cube in MemCube.objects.filter(id__in=list(ids)) if may_read(principal, cube)}


class Draft(Protocol):
    """A judged submission with the rows that were drafted for it."""

    @property
    def judged(self) -> Judged: ...
    @property
    def cube(self) -> MemCube: ...
    @property
    def version(self) -> Version: ...
    @property
    def admission(self) -> Admission: ...
    @property
    def rejected(self) -> bool: ...


def note_drafts(principal: Principal, drafts: Sequence[Draft]) -> None:
    """Let the guard learn from what it held or refused (inside the transaction that writes it)."""
    note([_sighting(principal, draft) for draft in drafts])


def note_revision(principal: Principal, cube: MemCube, judged: Judged, decision_id: UUID, number: int | None) -> None:
    """The same of a revision: version `number` of the record was judged so (None: refused, so there is none)."""
    note([_seen(principal, cube, judged, decision_id, number)])


def owe_outcome(cube: MemCube, reporter: UUID, *, success: bool) -> None:
    """Have the worker learn from an outcome that was reported (inside a transaction)."""
    ref = {"memory": str(cube.id), "version": cube.version, "reporter": str(reporter), "success": success}
    enqueue("lesson.outcome", ref)


def learn_outcome(memory_id: UUID, number: int, reporter: UUID, *, success: bool) -> None:
    """Let the guard learn from what came of a remembered run; of any other memory there is nothing to learn."""
    with tenant_transaction(snapshot=True):
        rows = opening.rows([(memory_id, number)]) if _kept(memory_id, number) else []
    for memory in opening.unseal_existing(rows):
        witness = _witness(memory)
        with tenant_transaction():
            note_outcome(
                witness.path,
                success=success,
                space_id=witness.space_id,
                labels=witness.labels,
                subjects=witness.subjects,
                origin=Origin(memory.payload.provenance.source, principal_id=str(reporter)),
                ref=witness.ref,
            )


def _kept(memory_id: UUID, number: int) -> bool:
    return bool(Version.objects.filter(memcube_id=memory_id, number=number).exists())


def _sighting(principal: Principal, draft: Draft) -> Sighting:
    number = None if draft.rejected else draft.version.number
    return _seen(principal, draft.cube, draft.judged, draft.admission.id, number)


def _seen(principal: Principal, cube: MemCube, judged: Judged, decision_id: UUID, number: int | None) -> Sighting:
    return Sighting(
        verdict=judged.verdict,
        space_id=cube.space_id,
        labels=tuple(cube.labels),
        subjects=tuple(judged.subject_ids),
        origin=_origin(principal, judged),
        admission_id=decision_id,
        ref=None if number is None else (cube.id, number),
    )


def _origin(principal: Principal, judged: Judged) -> Origin:
    part = judged.submission
    return Origin(
        source=part.provenance.source,
        source_type=part.provenance.source_type,
        speaker=part.provenance.speaker or "",
        principal_id=str(principal.id),
        root=str(part.parents[0][0]) if part.parents else "",
    )


def _benign_places() -> list[Ref]:
    """Lately admitted or approved, newest first, no source having more than its share."""
    with tenant_transaction():
        rows = Admission.objects.filter(state__in=GOOD, sealed_verdict__isnull=False).order_by("-id")
        recent = list(rows.values_list("memcube_id", "version", "source_key")[:LOOKED_THROUGH])
    taken: Counter[bytes] = Counter()
    places: list[Ref] = []
    for cube_id, number, source in recent:
        taken[bytes(source)] += 1
        if taken[bytes(source)] <= MOST_OF_A_SOURCE:
            places.append((cube_id, number))
    return places[:BENIGN]


def _witness(memory: opening.Memory) -> Witness:
    cube = memory.cube
    return Witness(memory.place, cube.space_id, tuple(cube.labels), tuple(cube.subject_ids), path_of(memory))

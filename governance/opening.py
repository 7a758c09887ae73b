"""From ids to readable memories: rows are read and verified inside a snapshot, keys and texts are opened after it.

Nothing is served whose header, place in the manifest or seal does not verify.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import UUID

from audit.selectors import verify_elements
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Erased, Integrity
from foundation.kernel.rows import execute_binary, integers, loaded, uuids
from foundation.kernel.scope import current_work
from foundation.keyring import keys
from foundation.keyring.sealing import open_sealed
from governance import headers, revealing
from governance.models import Admission, MemCube, State, Version
from governance.revealing import NOTHING, Policies, Revelation
from governance.sealed import Parent, Payload, open_version
from guard.pii.restoring import Placed

_READ = """SELECT {columns}, edges.ids, edges.numbers
FROM unnest(%s::uuid[], %s::int[]) AS asked (id, number)
JOIN governance_memcube c ON c.id = asked.id
LEFT JOIN governance_version v
  ON v.tenant_id = c.tenant_id AND v.memcube_id = c.id AND v.number = COALESCE(asked.number, c.version)
LEFT JOIN LATERAL (
  SELECT array_agg(e.parent_id) AS ids, array_agg(e.parent_version) AS numbers FROM governance_lineageedge e
   WHERE e.tenant_id = v.tenant_id AND e.child_id = v.memcube_id AND e.child_version = v.number) AS edges ON TRUE
WHERE c.tenant_id = %s"""
Place = tuple[UUID, int]
"""A version of a record: (memcube id, version number)."""


@dataclass(frozen=True, slots=True)
class Read:
    """Headers and versions, these with their sorted parents, as they stand in the database: nothing is verified."""

    cubes: dict[UUID, MemCube] = field(default_factory=dict)
    versions: dict[Place, tuple[Version, tuple[Parent, ...]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One version and its header as they stand in the database, verified but not opened."""

    cube: MemCube
    version: Version
    parents: tuple[Parent, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """One opened version under its record's present header. `revealed` has values in the places of their tokens:
    `placed`."""

    cube: MemCube
    version: Version
    parents: tuple[Parent, ...]
    payload: Payload
    revealed: Payload | None = field(default=None, repr=False)
    placed: Sequence[Placed] = field(default=(), repr=False)

    @property
    def place(self) -> Place:
        return self.cube.id, self.version.number

    @property
    def seen(self) -> Payload:
        """What this asker sees; `payload` is what is stored, and what guard, index and log know."""
        return self.revealed or self.payload


@dataclass(frozen=True, slots=True)
class Shown:
    """A memory as it is answered: opened, with its decision record and the receipt of the act that shows it."""

    memory: Memory
    admission: Admission
    decision: dict[str, Any]
    receipt: dict[str, Any]

    @property
    def held(self) -> bool:
        return bool(self.admission.state == Admission.State.HELD)


def verify(cubes: Iterable[MemCube]) -> None:
    """Check headers, and the manifest that holds them, in the open snapshot; raises `Integrity`."""
    found = list(cubes)
    headers.verify(found)
    if found:
        verify_elements({cube.id: bytes(cube.mac) for cube in found})


def read(places: Iterable[tuple[UUID, int | None]], *, embeddings: bool = False) -> Read:
    """What there is of the asked-for versions (None: the current one) and of their headers, for `rows` to verify.

    Whoever leaves some out by their headers does so in between. `embeddings`: load the sealed ones too.
    """
    asked, found = set(places), Read()
    if not asked:
        return found
    work, statement = current_work(), _statement(embeddings)
    values = [uuids(cube_id for cube_id, _ in asked), integers(number for _, number in asked), work.tenant_id]
    for *row, parents, numbers in execute_binary(statement.text, values):
        cube_id, present = row[statement.cube_id], row[statement.version_id]
        if cube_id not in found.cubes:
            found.cubes[cube_id] = loaded(MemCube, statement.cube, row[: len(statement.cube)], work.using)
        if present is not None:
            version = loaded(Version, statement.version, row[len(statement.cube) :], work.using)
            edges = tuple(sorted(zip(parents, numbers, strict=True))) if parents else ()
            found.versions[cube_id, version.number] = version, edges
    return found


def rows(
    places: Iterable[tuple[UUID, int | None]], *, embeddings: bool = False, found: Read | None = None
) -> list[Row]:
    """The asked-for versions (None: the current one), in order, of the records that exist and are not forgotten.

    Raises `Integrity` when a header was changed or a version is missing. `found`: what the open snapshot has `read` of
    them already.
    """
    asked = list(places)
    there = read(asked, embeddings=embeddings) if found is None else found
    cubes = {cube_id: there.cubes[cube_id] for cube_id, _ in asked if cube_id in there.cubes}
    verify(cubes.values())
    living = {cube_id: cube for cube_id, cube in cubes.items() if cube.state != State.FORGOTTEN}
    wanted = [(cube_id, number or living[cube_id].version) for cube_id, number in asked if cube_id in living]
    if any(place not in there.versions for place in wanted):
        raise Integrity("A version is missing.")
    return [Row(living[place[0]], *there.versions[place]) for place in wanted]


def ask(principal: Principal, found: Iterable[Row], policies: Policies | None = None) -> Revelation:
    """What may be put back in these rows for the principal (in the transaction they were read in)."""
    return revealing.ask(principal, [(row.cube, row.version) for row in found], policies)


def unseal(found: Sequence[Row], told: Revelation = NOTHING) -> list[Memory]:
    """Open rows outside any transaction. Raises `Erased` when a key is gone, `Integrity` when a seal does not hold."""
    secrets = _secrets(found, told)
    return [_open(row, secrets, told) for row in found]


def unseal_existing(found: Sequence[Row], told: Revelation = NOTHING) -> list[Memory]:
    """As `unseal`, leaving out what was erased since the rows were read."""
    secrets = _secrets(found, told)
    return [_open(row, secrets, told) for row in found if row.version.id in secrets]


def _secrets(found: Sequence[Row], told: Revelation) -> dict[UUID, bytes]:
    """The keys of the versions and of what is put back in them, in one call."""
    return keys.open_many([*(row.version.id for row in found), *told.key_ids])


def decision_of(admission: Admission, secret: bytes) -> dict[str, Any]:
    """The decision record of one version, opened with its key; what a rollback took up again was not judged anew."""
    if admission.sealed_verdict is None:
        policy = {"pii": None, "guard": None}
        return {"decision": "admit", "reasons": ["rollback"], "signals": [], "redactions": [], "policy": policy}
    opened = open_sealed(secret, verdict_place(admission), bytes(admission.sealed_verdict))
    decision: dict[str, Any] = json.loads(opened)
    return decision


def verdict_place(admission: Admission) -> bytes:
    """The AAD of a decision record."""
    return f"admission:{admission.id}:{admission.version_id}".encode()


def admissions_of(found: Iterable[Row]) -> dict[UUID, Admission]:
    """The admissions of these versions, by version id (inside a transaction)."""
    return {row.version_id: row for row in Admission.objects.filter(version_id__in=[each.version.id for each in found])}


def show(
    found: Sequence[Row], admissions: Mapping[UUID, Admission], receipt: dict[str, Any], told: Revelation = NOTHING
) -> list[Shown]:
    """Open rows with their decisions, leaving out what was erased since they were read."""
    secrets = _secrets(found, told)
    return [
        Shown(_open(row, secrets, told), admission, decision_of(admission, secrets[row.version.id]), receipt)
        for row in found
        if row.version.id in secrets
        for admission in [admissions[row.version.id]]
    ]


def payload_of(row: Row, secret: bytes) -> Payload:
    """The payload as it is stored; raises `Integrity`."""
    return open_version(row.cube, row.version, secret, row.parents)


def _open(row: Row, secrets: Mapping[UUID, bytes], told: Revelation) -> Memory:
    secret = secrets.get(row.version.id)
    if secret is None:
        raise Erased
    payload = payload_of(row, secret)
    placed = told.placed(row.cube, row.version, payload, secrets)
    revealed = revealing.put_in(payload, placed) if placed else None
    return Memory(row.cube, row.version, row.parents, payload, revealed, placed)


@dataclass(frozen=True, slots=True)
class _Statement:
    """The text of `read`'s statement and its columns: first the header's, then the version's."""

    text: str
    cube: list[str]
    version: list[str]

    @property
    def cube_id(self) -> int:
        return self.cube.index("id")

    @property
    def version_id(self) -> int:
        return len(self.cube) + self.version.index("id")


@cache
def _statement(embeddings: bool) -> _Statement:
    cube = list(MemCube._meta.concrete_fields)
    version = [each for each in Version._meta.concrete_fields if embeddings or each.attname != "sealed_embedding"]
    columns = ", ".join([*(f'c."{each.column}"' for each in cube), *(f'v."{each.column}"' for each in version)])
    names = [each.attname for each in cube], [each.attname for each in version]
    return _Statement(_READ.format(columns=columns), *names)

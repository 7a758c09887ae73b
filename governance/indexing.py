"""Keep the search index in step with the records: what is served is put, what is not is removed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from foundation.kernel.clock import now
from foundation.kernel.outbox import enqueue
from foundation.kernel.problems import Erased
from foundation.kernel.rows import select
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.search import generations, index
from foundation.search.embedders import embedder
from foundation.search.engine import engine
from foundation.search.port import SCRUB, Collection, Expected, Generation, Key, StaleGeneration
from governance import embeddings, lifecycle, opening
from governance.models import MemCube, Version
from governance.opening import Row
from governance.sealed import open_embedding, open_version
from governance.submissions import searchable
from governance.timeline import served_from
from guard.lessons import indexing as lessons

MEMORY = Collection.MEMORY
CHUNK = 100
"""Records that are read, encoded and put together: less than a second's work, and so long the index is locked."""
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Filled:
    """One step of filling a generation: `last` is the last record of it (None: there was none left)."""

    last: UUID | None
    records: int = 0
    embedded: int = 0


@dataclass(frozen=True, slots=True)
class _Read:
    """Versions as they stand in the database, not opened: since when each was served, and what is sealed beside it."""

    rows: list[Row]
    times: dict[UUID, dict[int, datetime]]
    sealed: embeddings.Sealed


def reindex(ids: Sequence[UUID], *, last: Callable[[], object] = lambda: None) -> None:
    """Put every version the records ever served, or take the records out if they are not served now. Idempotent.
    `last` is called in the transaction that does so.

    What was encoded for a generation that has gone meanwhile is encoded again.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return _reindex(ids, last)
        except (StaleGeneration, Erased):
            continue
    return _reindex(ids, last)


def _reindex(ids: Sequence[UUID], last: Callable[[], object]) -> None:
    with tenant_transaction(snapshot=True):
        cubes = select(MemCube, "id = ANY(%s) AND NOT frozen", [list(ids)])
        read = _read([cube.id for cube in cubes if cube.state in lifecycle.SERVED])
        into = generations.written_to()  # one begun after this snapshot is filled with all that was read in it
    into = into or index.written_to()
    found, _ = _complete(read, into)
    documents = index.documents(found, into)
    with tenant_transaction():
        if gone := [each for each in ids if each not in read.times]:
            unindex(gone)
        engine().put(documents)
        last()


def fill(into: Generation, after: UUID | None) -> Filled:
    """Put the next records, by id, into one generation. Raises `StaleGeneration` if that is no longer live."""
    with tenant_transaction(snapshot=True):
        read = _read(_served_after(after))
    if not read.times:
        return Filled(None)
    found, embedded = _complete(read, [into])
    documents = index.documents(found, [into])
    with tenant_transaction():
        engine().put(documents)
    return Filled(max(read.times), len(read.times), embedded)


def fill_lessons(into: Generation) -> None:
    """Put every active lesson into one generation."""
    with tenant_transaction():
        found = list(lessons.entries())
    documents = index.documents(found, [into])
    with tenant_transaction():
        engine().put(documents)


def count_served() -> int:
    """How many records there are to index (inside a transaction)."""
    return MemCube.objects.filter(frozen=False, state__in=lifecycle.SERVED).count()


def sample(most: int) -> list[embeddings.Opened]:
    """Some of the records, evenly drawn, at their current versions."""
    with tenant_transaction(snapshot=True):
        served = MemCube.objects.filter(frozen=False, state__in=lifecycle.SERVED).order_by("?")
        read = _read(list(served.values_list("id", flat=True)[:most]))
    return [one for one in _opened(read) if one.row.version.number == one.row.cube.version]


def expected() -> Iterator[Expected]:
    """Every version that should be indexed (inside a transaction)."""
    after = None
    while ids := _served_after(after, 1000):
        cubes = {cube.id: cube for cube in MemCube.objects.filter(id__in=ids)}
        for cube_id, times in served_from(ids).items():
            cube = cubes[cube_id]
            for number in times:
                superseded = _superseded_at(number, cube.version, times) is not None
                yield Expected(cube_id, number, cube.rev, superseded)
        after = ids[-1]


def unindex(ids: Iterable[UUID]) -> None:
    """Take records out at once, in the open transaction, so that no late put brings them back."""
    revs = dict(MemCube.objects.filter(id__in=list(ids)).values_list("id", "rev"))
    numbers = Version.objects.filter(memcube_id__in=list(revs)).values_list("memcube_id", "number")
    if gone := [Key(MEMORY, cube_id, number, revs[cube_id]) for cube_id, number in numbers]:
        engine().remove(gone)


def indexed(ids: Iterable[UUID]) -> set[UUID]:
    """Those of `ids` of which the index still holds a version (inside a transaction)."""
    return set(engine().holding(list(ids)))


def scrub() -> None:
    """Have the bytes of what was removed taken off the disk, where the engine keeps them for a while (inside a
    transaction). Several removals share one pass."""
    after = engine().scrub_after
    if after is not None:
        enqueue(SCRUB, {}, due=now() + after, queue="forget")


def restore() -> int:
    """Bring back the generations that a crash or a restore took; returns how many versions were written. One whose key
    is gone too gives way to a new one (`services.swap_index`)."""
    return sum(index.rebuild(_everything, generation) for generation in index.lost() if index.opens(generation))


def entries(rows: Sequence[Row], times: dict[UUID, dict[int, datetime]]) -> list[index.Entry]:
    """The index's entries for rows read with their embeddings; what was erased meanwhile is left out."""
    return [one.entry for one in _opened(_Read(list(rows), times, {}))]


def _served_after(after: UUID | None, most: int = CHUNK) -> list[UUID]:
    found = MemCube.objects.filter(frozen=False, state__in=lifecycle.SERVED).order_by("id")
    return list((found if after is None else found.filter(id__gt=after)).values_list("id", flat=True)[:most])


def _read(ids: Sequence[UUID]) -> _Read:
    """What the index needs of these records (inside a transaction)."""
    times = served_from(ids)
    rows = opening.rows([(cube_id, number) for cube_id in ids for number in times[cube_id]], embeddings=True)
    return _Read(rows, times, embeddings.sealed_of(rows))


def _opened(read: _Read) -> list[embeddings.Opened]:
    secrets = keys.open_many([row.version.id for row in read.rows])
    return [
        embeddings.Opened(row, secret, _entry(row, secret, read.times[row.cube.id], read.sealed))
        for row in read.rows
        if (secret := secrets.get(row.version.id))
    ]


def _complete(read: _Read, into: Sequence[Generation]) -> tuple[list[index.Entry], int]:
    return embeddings.complete(_opened(read), list(dict.fromkeys(one.embedder for one in into)))


def _everything() -> Iterable[index.Entry]:
    after = None
    while ids := _served_after(after):
        yield from (one.entry for one in _opened(_read(ids)))
        after = ids[-1]
    yield from lessons.entries()


def _entry(row: Row, secret: bytes, times: dict[int, datetime], sealed: embeddings.Sealed) -> index.Entry:
    cube, version = row.cube, row.version
    payload = open_version(cube, version, secret, row.parents)
    return index.Entry(
        collection=MEMORY,
        space_id=cube.space_id,
        id=cube.id,
        version=version.number,
        rev=cube.rev,
        state=cube.state,
        kind=cube.kind,
        text=searchable(payload.content, payload.provenance, payload.episode, version.valid_from),
        recorded_at=times[version.number],
        embedding=open_embedding(cube, version, secret, row.parents),
        embedder=version.generation or embedder().name,
        others=embeddings.opened(row, secret, sealed),
        labels=cube.labels,
        subjects=cube.subject_ids,
        session=payload.provenance.session,
        position=version.position,
        valid_from=version.valid_from,
        valid_to=version.valid_to,
        superseded_at=_superseded_at(version.number, cube.version, times),
        expires_at=cube.expires_at,
    )


def _superseded_at(number: int, current: int, times: dict[int, datetime]) -> datetime | None:
    later = [at for each, at in times.items() if each > number]
    return min(later) if later and number != current else None

"""Keep the search index in step with the records: what is served is put, what is not is removed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from foundation.kernel.clock import now
from foundation.kernel.outbox import enqueue
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.search import index
from foundation.search.embedders import embedder
from foundation.search.engine import engine
from foundation.search.port import SCRUB, Collection, Key
from governance import lifecycle, opening
from governance.models import MemCube, Version
from governance.opening import Row
from governance.sealed import open_embedding, open_version
from governance.submissions import searchable
from governance.timeline import served_from
from guard.lessons import indexing as lessons

MEMORY = Collection.MEMORY


def reindex(ids: Sequence[UUID]) -> None:
    """Put every version the records ever served, or take the records out if they are not served now. Idempotent."""
    with tenant_transaction(snapshot=True):
        cubes = list(MemCube.objects.filter(id__in=ids, frozen=False))
        served = [cube.id for cube in cubes if cube.state in lifecycle.SERVED]
        times = served_from(served)
        rows = opening.rows([(cube_id, number) for cube_id in served for number in times[cube_id]], embeddings=True)
    documents = index.documents(entries(rows, times))
    with tenant_transaction():
        unindex([each for each in ids if each not in times])
        engine().put(documents)


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
    """Bring back the generations that a crash or a restore took; returns how many versions were written."""
    return sum(index.rebuild(_everything, generation) for generation in index.lost())


def entries(rows: Sequence[Row], times: dict[UUID, dict[int, datetime]]) -> list[index.Entry]:
    """The index's entries for rows read with their embeddings; what was erased meanwhile is left out."""
    secrets = keys.open_many([row.version.id for row in rows])
    return [_entry(row, secrets[row.version.id], times[row.cube.id]) for row in rows if row.version.id in secrets]


def _everything() -> Iterable[index.Entry]:
    served = MemCube.objects.filter(frozen=False, state__in=lifecycle.SERVED).order_by("id")
    for cube_id in list(served.values_list("id", flat=True)):
        times = served_from([cube_id])
        yield from entries(opening.rows([(cube_id, number) for number in times[cube_id]], embeddings=True), times)
    yield from lessons.entries()


def _entry(row: Row, secret: bytes, times: dict[int, datetime]) -> index.Entry:
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

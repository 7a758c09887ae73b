"""Embeddings by another embedder than the one a version was admitted with: made once from the text that is indexed,
sealed beside the version under its key, and gone with it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from foundation.kernel.rows import select
from foundation.kernel.scope import tenant_transaction
from foundation.keyring.sealing import open_sealed, seal
from foundation.search import embedders
from foundation.search.embedders import Vectors
from foundation.search.index import Entry, pack, unpack
from governance.models import Embedding, MemCube
from governance.opening import Row
from governance.sealed import place

Sealed = Mapping[UUID, Mapping[str, bytes]]
"""For each version, what there is by the embedder's name."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One version, its key, and the index's entry for it."""

    row: Row
    secret: bytes
    entry: Entry


def sealed_of(rows: Sequence[Row]) -> Sealed:
    """What is sealed beside these versions (inside a transaction)."""
    found: dict[UUID, dict[str, bytes]] = defaultdict(dict)
    for one in select(Embedding, "version_id = ANY(%s)", [[row.version.id for row in rows]]):
        found[one.version_id][one.embedder] = bytes(one.sealed)
    return found


def opened(row: Row, secret: bytes, sealed: Sealed) -> dict[str, Vectors]:
    """The embeddings beside one version, by the embedder's name; raises `Integrity`."""
    there = sealed.get(row.version.id, {})
    return {name: unpack(open_sealed(secret, _place(row, name), data)) for name, data in there.items()}


def complete(versions: Sequence[Opened], names: Collection[str]) -> tuple[list[Entry], int]:
    """The entries with an embedding by every embedder named, and how many had to be made. Outside any transaction."""
    entries, made = [one.entry for one in versions], 0
    for name in names:
        lacking = [at for at, entry in enumerate(entries) if entry.by(name) is None]
        vectors = _made([versions[at] for at in lacking], name)
        for at, vector in zip(lacking, vectors, strict=True):
            entries[at] = replace(entries[at], others={**entries[at].others, name: vector})
        made += len(lacking)
    return entries, made


def drop_all_but(names: Collection[str]) -> None:
    """Delete what was made for embedders that no index uses any more. Needs the eraser's credentials."""
    with tenant_transaction(using="eraser"):
        Embedding.objects.exclude(embedder__in=list(names)).delete()


def _made(versions: Sequence[Opened], name: str) -> list[Vectors]:
    """Made anew and kept, as they will be read again: in half precision."""
    if not versions:
        return []
    packed = [pack(vector) for vector in embedders.named(name).embed([one.entry.text for one in versions])]
    _keep(versions, packed, name)
    return [unpack(data) for data in packed]


def _keep(versions: Sequence[Opened], packed: Sequence[bytes], name: str) -> None:
    """Seal them beside the versions whose records are not being erased: the record's row is what a freeze locks too."""
    ids = sorted({one.row.cube.id for one in versions})
    with tenant_transaction():
        living = MemCube.objects.select_for_update().filter(id__in=ids, frozen=False).order_by("id")
        standing = set(living.values_list("id", flat=True))
        kept = [
            Embedding(
                version_id=one.row.version.id, embedder=name, sealed=seal(one.secret, _place(one.row, name), data)
            )
            for one, data in zip(versions, packed, strict=True)
            if one.row.cube.id in standing
        ]
        Embedding.objects.bulk_create(kept, ignore_conflicts=True)


def _place(row: Row, name: str) -> bytes:
    return place(row.cube, row.version, row.parents, f"embedding {name}")

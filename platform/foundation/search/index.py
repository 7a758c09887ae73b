"""The door to search, for those who keep records: text goes in here and does not come out on the other side.

Writing (a handler of the work outbox; `rev` is the header revision and grows with every change, supersession too):

    entries = [Entry(...), ...]               # read in the record's scope, opened; embedding as it was sealed
    documents = index.documents(entries)      # outside any transaction: keys, analysis, embedding where there is none
    with tenant_transaction():
        engine().put(documents)               # or engine().remove([Key(...)]); raises StaleGeneration: encode again

Asking:

    plan = index.plan(question, spaces=..., roles=..., k=10)    # outside the transaction: keys and embedding
    with tenant_transaction():
        results = index.search(plan)          # best first, more than k: read each again under policy, keep the first k

Embeddings are made by `index.embed([searched_text(...)])` at admission, outside the transaction, and sealed with the
version (`pack`, `unpack`), so that nothing is embedded anew. After a crash `index.lost()` names what `index.rebuild`
has to bring back; until then search raises `Unavailable`.

What is searched is one text per version, by the recipe of `searched_text`. Its date and speaker are worth five points
of recall to the words and more to the vectors (LoCoMo).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from uuid import UUID

import numpy as np

from foundation.kernel.clock import now
from foundation.kernel.problems import Erased, Unavailable
from foundation.kernel.scope import current_tenant, tenant_transaction
from foundation.keyring import keys
from foundation.search import blind, embedders, generations, port, questions
from foundation.search.analysis import document_terms, query_marks, query_terms
from foundation.search.embedders import Vectors
from foundation.search.engine import engine
from foundation.search.fusion import Fused, unordered
from foundation.search.marks import Marks
from foundation.search.port import Document, Generation, Plan
from foundation.search.priors import with_priors

_CHUNK = 200
RETRY_AFTER = 5  # seconds

# Not the locale's names: the same text everywhere.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of one record, as its keeper knows it. `text` comes from `searched_text`.

    `embedding` is a unit row made by the embedder named `embedder`, `others` are those of other embedders by name; what
    a generation needs and is not there is made anew.
    """

    collection: port.Collection
    space_id: UUID
    id: UUID
    version: int
    rev: int
    state: str
    kind: str
    text: str
    recorded_at: datetime
    embedding: Vectors | None = None
    embedder: str = ""
    others: Mapping[str, Vectors] = field(default_factory=dict)
    labels: Collection[str] = ()
    subjects: Collection[UUID | str] = ()
    session: str | None = None
    position: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    superseded_at: datetime | None = None
    expires_at: datetime | None = None

    def by(self, embedder: str) -> Vectors | None:
        """Its embedding by the embedder of that name, where there is one."""
        return self.embedding if self.embedder == embedder else self.others.get(embedder)


def searched_text(content: str, *, speaker: str | None = None, at: datetime | None = None) -> str:
    """`[8 May 2023] Caroline: …`: what is analysed and embedded of a version. `at` is when it is valid from."""
    day = f"[{at.day} {_MONTHS[at.month - 1]} {at.year}] " if at else ""
    return f"{day}{speaker}: {content}" if speaker else f"{day}{content}"


def embed(texts: Sequence[str]) -> Vectors:
    """Unit rows by this deployment's embedder (`embedders.embedder().name`): (len(texts), dim) float32, not rotated."""
    return embedders.embedder().embed(texts)


def pack(embedding: Vectors) -> bytes:
    """An embedding as it is sealed with its version: little-endian half floats, 2 bytes a dimension."""
    return embedding.astype("<f2").tobytes()


def unpack(packed: bytes) -> Vectors:
    return np.frombuffer(packed, dtype="<f2").astype(np.float32)


def documents(entries: Sequence[Entry], into: Sequence[Generation] | None = None) -> list[Document]:
    """The documents of `entries` in every live generation, or in those of `into`. Outside any transaction: it may make
    keys and embed. Raises `Erased` for a generation whose key is gone: ask again which are live."""
    chosen = written_to() if into is None else into
    return [document for generation in chosen for document in _encoded(entries, generation)]


def written_to() -> list[Generation]:
    """Every live generation, the active one first; the tenant's first is made if it has none. Inside a transaction or
    outside one."""
    with tenant_transaction():
        if found := generations.written_to():
            return found
        _active()
        return generations.live()


def asked() -> Generation | None:
    """The generation to hand to `plan`, for whoever has a transaction open anyway; None: nothing was ever indexed."""
    return generations.asked()


def free_number() -> int:
    """The next generation's number: one whose key was not destroyed (as after the restore of an older database). That
    key stands when this returns. Outside any transaction."""
    with tenant_transaction():
        number = generations.next_number()
    while True:
        try:
            keys.named("index", str(number))
        except Erased:
            number += 1
        else:
            return number


def opens(generation: Generation) -> bool:
    """Whether its key is there: it is not after the restore of an older database beside a newer keyring."""
    try:
        _key(generation)
    except Erased:
        return False
    return True


def key_id(number: int) -> UUID:
    """The id of a generation's key, by which it is destroyed."""
    return keys.id_of("index", str(number))


def plan(
    question: str,
    *,
    spaces: Collection[UUID] | None,
    roles: Collection[str],
    k: int = 10,
    collection: port.Collection = port.Collection.MEMORY,
    kinds: Collection[str] = (),
    labels: Collection[str] = (),
    subjects: Collection[UUID | str] = (),
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    embedding: Vectors | None = None,
    made_by: str = "",
    words: bool = True,
    generation: Generation | None = None,
) -> Plan:
    """The plan for a question. `spaces` None: all of the tenant's; empty: none. Outside any transaction.

    `embedding`: the question's own, where the caller has it (shape (dim,), by the embedder named `made_by`, else this
    deployment's); one by another embedder than the generation's is not used. Without
    `words` the question is asked by its meaning alone, which is what the nearest neighbours of a text are.
    `generation`: the active one where it is known already, another where two are compared."""
    generation = generation or _active()
    key = _key_for_asking(generation)
    return Plan(
        generation=generation.number,
        spaces=None if spaces is None else frozenset(spaces),
        roles=frozenset(roles),
        terms=query_terms(question, blind.subkey(key, "terms")) if words else {},
        vector=_vector(question, embedding, made_by, generation, key),
        at=now(),
        k=k,
        collection=collection,
        kinds=frozenset(kinds),
        labels=frozenset(labels),
        subjects=frozenset(blind.keyed(key, "subject", str(subject)) for subject in subjects),
        as_of=as_of,
        known_at=known_at,
        marks=query_marks(question, blind.subkey(key, "terms")) if words else Marks(),
    )


def _vector(question: str, embedding: Vectors | None, made_by: str, generation: Generation, key: bytes) -> Vectors:
    if embedding is not None and (made_by or embedders.embedder().name) == generation.embedder:
        rotated: Vectors = blind.rotate(embedding[np.newaxis], key)[0]
        return rotated
    return questions.vector(question, embedders.named(generation.embedder), key)


def search(plan: Plan) -> list[Fused]:
    """Every candidate, best first: at least `plan.k` where there are so many. Inside `tenant_transaction`.

    Raises `Unavailable` while the index is being rebuilt. Ids only: who may see them is decided by the caller, again.
    """
    return with_priors(unordered(engine().search(plan)))


def lost() -> list[Generation]:
    """The tenant's live generations whose content a crash or a restore took."""
    with tenant_transaction():
        return [generation for generation in generations.live() if not engine().ready(generation)]


def rebuild(read: Callable[[], Iterable[Entry]], generation: Generation) -> int:
    """Bring back one generation from the records of truth, which `read` yields lazily inside this transaction.

    Returns how many versions were written. Embeddings that were sealed are used; nothing else is embedded.
    """
    _key(generation)  # made or opened before the transaction
    with tenant_transaction():
        return engine().rebuild(generation, _lazily(read, generation))


def _lazily(read: Callable[[], Iterable[Entry]], generation: Generation) -> Iterator[Document]:
    given = iter(read())
    while chunk := list(islice(given, _CHUNK)):
        yield from _encoded(chunk, generation)


def _active() -> Generation:
    chosen = embedders.embedder()
    return generations.active(chosen.name, chosen.dim)


def _key(generation: Generation) -> bytes:
    """The generation's index key: its number is the key's epoch."""
    return keys.named("index", str(generation.number))


def _key_for_asking(generation: Generation) -> bytes:
    """The same; raises `Unavailable` where it is gone: a new generation is on its way."""
    try:
        return _key(generation)
    except Erased:
        raise Unavailable("The search index is being rebuilt.", retry_after=RETRY_AFTER) from None


def _encoded(entries: Sequence[Entry], generation: Generation) -> list[Document]:
    key = _key(generation)
    terms = blind.subkey(key, "terms")
    rotated = blind.rotate(_embeddings(entries, generation), key)
    return [
        _document(entry, generation, key, document_terms(entry.text, terms), vector)
        for entry, vector in zip(entries, rotated, strict=True)
    ]


def _embeddings(entries: Sequence[Entry], generation: Generation) -> Vectors:
    rows = np.zeros((len(entries), generation.dim), dtype=np.float32)
    missing = []
    for number, entry in enumerate(entries):
        if (embedding := entry.by(generation.embedder)) is None:
            missing.append(number)
        else:
            rows[number] = embedding / np.linalg.norm(embedding)
    if missing:
        rows[missing] = embedders.named(generation.embedder).embed([entries[number].text for number in missing])
    return rows


def _document(entry: Entry, generation: Generation, key: bytes, terms: dict[int, float], vector: Vectors) -> Document:
    # Sessions of two spaces are never linked, even under one name.
    session = None if entry.session is None else blind.keyed(key, "session", f"{entry.space_id}/{entry.session}")
    return Document(
        tenant_id=current_tenant(),
        collection=entry.collection,
        space_id=entry.space_id,
        id=entry.id,
        version=entry.version,
        rev=entry.rev,
        state=entry.state,
        kind=entry.kind,
        labels=frozenset(entry.labels),
        subjects=frozenset(blind.keyed(key, "subject", str(subject)) for subject in entry.subjects),
        group=session,
        position=entry.position,
        valid_from=entry.valid_from,
        valid_to=entry.valid_to,
        recorded_at=entry.recorded_at,
        superseded_at=entry.superseded_at,
        expires_at=entry.expires_at,
        terms=terms,
        vector=vector,
        generation=generation.number,
    )

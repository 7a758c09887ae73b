"""The search engine's port: what is indexed, what is asked, what comes back. No text crosses it.

An engine holds, for the tenant in scope, *documents*: one per version of a record, in one index generation. It answers
a *plan* with hits, bounded by everything the plan says **before** anything is scored. All calls are made inside
`tenant_transaction`. An engine never decides who may see: its hits are ids, read again under policy by the caller.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import NamedTuple, Protocol
from uuid import UUID

from foundation.search.embedders import Vectors
from foundation.search.marks import Marks

ACL = "acl:"  # a label `acl:<role>` restricts a record to the roles so named
REMOVE = "search.remove"  # the outbox's kind of a removal that an engine owes
SCRUB = "search.scrub"  # and of taking removed bytes off the disk
ACTIVE = "active"  # the one state that is ever found
NO_WORDS: Mapping[int, float] = MappingProxyType({})


class Collection(StrEnum):
    MEMORY = "memory"
    LESSON = "lesson"


class Standing(IntEnum):
    """The order of one version's life under one header revision: what is later in it wins."""

    CURRENT = 0
    SUPERSEDED = 1
    REMOVED = 2


def external_version(rev: int, standing: Standing) -> int:
    """What engines compare: an older one never overwrites a newer one."""
    return rev * len(Standing) + standing


@dataclass(frozen=True, slots=True)
class Generation:
    """One key epoch and one embedder of a tenant's index. Terms and vectors of two generations are never compared."""

    number: int
    embedder: str
    dim: int


@dataclass(frozen=True, slots=True)
class Key:
    """One version of one record. `rev` is the header revision that the caller acts for; it never decreases."""

    collection: Collection
    id: UUID
    version: int
    rev: int

    @property
    def revision(self) -> int:
        """The external version of a removal. A put needs a later `rev` to come after it."""
        return external_version(self.rev, Standing.REMOVED)


@dataclass(frozen=True, slots=True)
class Document:
    """What an engine holds of one version. `terms`: keyed ids with weights; `vector`: rotated, unit length, or None."""

    tenant_id: UUID
    collection: Collection
    space_id: UUID
    id: UUID
    version: int
    rev: int
    state: str
    kind: str
    labels: frozenset[str]
    subjects: frozenset[bytes]
    group: bytes | None
    position: int | None
    valid_from: datetime | None
    valid_to: datetime | None
    recorded_at: datetime
    superseded_at: datetime | None
    expires_at: datetime | None
    terms: Mapping[int, float]
    vector: Vectors | None
    generation: int

    @property
    def revision(self) -> int:
        """The external version; superseded comes after current."""
        return external_version(self.rev, Standing.SUPERSEDED if self.superseded_at else Standing.CURRENT)

    @property
    def acl(self) -> tuple[str, ...]:
        """The roles this record is restricted to; empty: every role."""
        return tuple(sorted(label.removeprefix(ACL) for label in self.labels if label.startswith(ACL)))

    @property
    def counted(self) -> bool:
        """Whether its terms enter the statistics: a held or superseded text must not show through scores."""
        return self.state == ACTIVE and self.superseded_at is None


@dataclass(frozen=True, slots=True)
class Plan:
    """A question within what the asker may see.

    `spaces`: the permitted ones (None: every space of the tenant; empty: nothing is found). `roles`: the asker's, for
    `acl:` labels. `kinds`, `subjects`: any of them; `labels`: all of them; empty: no such filter. `as_of` is valid
    time, `known_at` record time (None: what is current). `at` is the present. `terms` are counts; the inverse document
    frequency comes from the permitted documents alone.
    """

    generation: int
    spaces: frozenset[UUID] | None
    roles: frozenset[str]
    terms: Mapping[int, float]
    vector: Vectors | None
    at: datetime
    k: int = 10
    collection: Collection = Collection.MEMORY
    kinds: frozenset[str] = field(default_factory=frozenset)
    labels: frozenset[str] = field(default_factory=frozenset)
    subjects: frozenset[bytes] = field(default_factory=frozenset)
    as_of: datetime | None = None
    known_at: datetime | None = None
    marks: Marks = field(default_factory=Marks)

    @property
    def depth(self) -> int:
        """How many candidates each arm brings to the fusion. A question without words has one arm, and none to fuse."""
        return max(150, 2 * self.k) if self.terms else 2 * self.k

    @property
    def in_the_past(self) -> bool:
        return self.as_of is not None or self.known_at is not None


class Hit(NamedTuple):
    """A candidate: its scores as the arms gave them (None: the arm did not bring it), before any fusion. A tuple, for
    every search makes hundreds.

    `words`: what each of the question's heaviest terms adds to `lexical`. `named`: the question names its speaker;
    `asks`: it ends by asking (see `marks`).
    """

    id: UUID
    version: int
    lexical: float | None
    dense: float | None
    group: bytes | None = None
    position: int | None = None
    words: Mapping[int, float] = NO_WORDS
    named: bool = False
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of the permitted documents: how many there are, and how many hold each of the question's terms."""

    documents: int
    frequencies: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Expected:
    """A version that should be indexed: what `parity` compares with."""

    id: UUID
    version: int
    rev: int
    superseded: bool

    @property
    def revision(self) -> int:
        return external_version(self.rev, Standing.SUPERSEDED if self.superseded else Standing.CURRENT)


@dataclass(frozen=True, slots=True)
class Parity:
    """How an engine differs from the truth, as (id, version). Orphans (indexed, but not there) are a privacy incident:
    they go first."""

    missing: frozenset[tuple[UUID, int]]
    stale: frozenset[tuple[UUID, int]]
    orphans: frozenset[tuple[UUID, int]]

    @property
    def holds(self) -> bool:
        return not (self.missing or self.stale or self.orphans)


class SearchEngine(Protocol):
    """One engine, for the tenant in scope. Raises `Unavailable` while its content is lost, until it was rebuilt."""

    beacons_here: bool
    """Whether the beacons of `generations` tell of its content: it is in the same PostgreSQL and goes with them."""

    scrub_after: timedelta | None
    """How long after a removal `scrub` can take its bytes off the disk; None: there is nothing to take."""

    def put(self, documents: Sequence[Document]) -> int:
        """Index versions; returns how many were newer than what stood. Raises `StaleGeneration`."""

    def remove(self, keys: Sequence[Key]) -> None:
        """Take versions out of every generation, and keep a tombstone: a late put does not bring them back.

        In effect when the transaction commits, or (an engine that is elsewhere) as soon as it can be reached after
        that: the removal is then owed in the outbox, and `settle` does it.
        """

    def settle(self, keys: Sequence[Key]) -> None:
        """Do removals that were owed, outside any transaction. Idempotent."""

    def search(self, plan: Plan) -> list[Hit]:
        """The candidates of both arms, in no particular order."""

    def searching(self, plans: Sequence[Plan]) -> AbstractContextManager[Iterator[list[Hit]]]:
        """`search` for each of these plans of one generation, asked together. Inside the block they are under way, and
        what the caller does before he reads the answers, in order, may go on beside them; he sends no statements."""

    def statistics(self, plan: Plan) -> Statistics:
        """What the plan's asker may know of the vocabulary."""

    def rebuild(self, generation: Generation, documents: Iterable[Document]) -> int:
        """Replace one generation's content. `documents` must be lazy: it is read after the index was locked."""

    def purge(self) -> None:
        """Empty the tenant's index, tombstones included."""

    def scrub(self) -> None:
        """Take what generations that are no longer live held, and the bytes of what was removed, off the disk, as far
        as the engine can; outside any transaction. Idempotent."""

    def parity(self, generation: Generation, collection: Collection, expected: Iterable[Expected]) -> Parity:
        """Compare with the versions that should be there."""

    def holding(self, ids: Iterable[UUID]) -> set[UUID]:
        """Those of the records `ids` of which any generation still holds a term or a vector: what a probe asks."""

    def ready(self, generation: Generation) -> bool:
        """Whether the content of this generation is whole."""


class StaleGeneration(RuntimeError):
    """A document was encoded for a generation that is gone: encode it again."""

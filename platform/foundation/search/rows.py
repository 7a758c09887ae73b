"""How documents stand in PostgreSQL: row ids, column values, and what each adds to the statistics."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np

from foundation.search.analysis import TERMS_LIMIT
from foundation.search.embedders import Vectors
from foundation.search.port import Collection, Document, Key

COLUMNS = {
    "id": "uuid",
    "tenant_id": "uuid",
    "generation": "int",
    "collection": "text",
    "space_id": "uuid",
    "record_id": "uuid",
    "version": "int",
    "revision": "bigint",
    "position": "bigint",
    "valid_from": "timestamptz",
    "valid_to": "timestamptz",
    "recorded_at": "timestamptz",
    "superseded_at": "timestamptz",
    "expires_at": "timestamptz",
    "state": "text",
    "kind": "text",
    "labels": "text[]",
    "acl": "text[]",
    "subjects": "bytea[]",
    "session": "bytea",
    "lex": "sparsevec",
    "vec": "halfvec",
    "stands": "boolean",
}
REMOVED = "removed"
# Open ends of ranges. Not NULL, and not PostgreSQL's infinity, which Python cannot read back.
ALWAYS = datetime(1, 1, 1, tzinfo=UTC)
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
_NOWHERE = UUID(int=0)
_TERM = re.compile(r"(\d+):")


@dataclass(frozen=True, slots=True)
class Share:
    """What one row adds to the statistics: one document in `scope`, holding `terms`."""

    generation: int
    collection: str
    space_id: UUID
    acl: tuple[str, ...]
    terms: frozenset[int]

    @property
    def scope_id(self) -> UUID:
        return scope_id(self.generation, self.collection, self.space_id, self.acl)


@dataclass(frozen=True, slots=True)
class Row:
    """One row to write: its id, its revision, its column values in the order of `COLUMNS`, and its share if any."""

    id: UUID
    revision: int
    values: tuple[Any, ...]
    share: Share | None


def row_of(document: Document) -> Row:
    generation, collection = document.generation, document.collection.value
    row = row_id(generation, collection, document.id, document.version)
    values = (
        row,
        document.tenant_id,
        generation,
        collection,
        document.space_id,
        document.id,
        document.version,
        document.revision,
        document.position,
        document.valid_from or ALWAYS,
        document.valid_to or NEVER,
        document.recorded_at,
        document.superseded_at or NEVER,
        document.expires_at or NEVER,
        document.state,
        document.kind,
        sorted(document.labels),
        list(document.acl),
        sorted(document.subjects),
        document.group,
        sparse(document.terms),
        dense(document.vector),
        document.counted and document.valid_to is None and document.expires_at is None,
    )
    terms = frozenset(document.terms)
    share = Share(generation, collection, document.space_id, document.acl, terms) if document.counted else None
    return Row(row, document.revision, values, share)


def tombstone(tenant_id: UUID, generation: int, key: Key) -> Row:
    row = row_id(generation, key.collection, key.id, key.version)
    kept: dict[str, Any] = {
        "id": row,
        "tenant_id": tenant_id,
        "generation": generation,
        "collection": key.collection.value,
        "record_id": key.id,
        "version": key.version,
        "revision": key.revision,
        "space_id": _NOWHERE,
        **dict.fromkeys(("valid_from", "valid_to", "recorded_at", "superseded_at", "expires_at"), ALWAYS),
        "state": REMOVED,
        "kind": "",
        "labels": [],
        "acl": [],
        "subjects": [],
        "stands": False,
    }
    return Row(row, key.revision, tuple(kept.get(column) for column in COLUMNS), None)


def row_id(generation: int, collection: Collection | str, record_id: UUID, version: int) -> UUID:
    return _hashed(generation, str(collection), record_id, version)


def scope_id(generation: int, collection: str, space_id: UUID, acl: Sequence[str]) -> UUID:
    return _hashed(generation, str(collection), space_id, *acl)


def counter_id(scope: UUID, term: int) -> UUID:
    return UUID(bytes=hashlib.blake2b(scope.bytes + term.to_bytes(4), digest_size=16).digest())


def sparse(terms: Mapping[int, float]) -> str:
    """The literal of a `sparsevec`."""
    return f"{{{','.join(f'{term}:{terms[term]:.6g}' for term in sorted(terms))}}}/{TERMS_LIMIT}"


def dense(vector: Vectors | None) -> str | None:
    """The literal of a `halfvec`, whose 11 bits of mantissa five decimals cover."""
    if vector is None:
        return None
    return f"[{','.join(map(repr, np.round(vector.astype(np.float64), 5).tolist()))}]"


def terms_in(sparse_literal: str | None) -> frozenset[int]:
    """The term ids of a `sparsevec`'s literal."""
    return frozenset(map(int, _TERM.findall(sparse_literal or "")))


def _hashed(*parts: object) -> UUID:
    text = "\0".join(map(str, parts))
    return UUID(bytes=hashlib.blake2b(text.encode(), digest_size=16).digest())

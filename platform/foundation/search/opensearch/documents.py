"""How a version stands in OpenSearch, and how a candidate is read back and scored.

A document's id is a hash of its key and of its *build*: the token of one filling of a generation. So a rebuild writes
beside what is asked, and the token in the generation's row (PostgreSQL) says which of the two counts.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from foundation.search.embedders import Vectors
from foundation.search.opensearch.connection import Nonsense
from foundation.search.port import Collection, Document, Key
from foundation.search.rows import ALWAYS, NEVER, REMOVED

BEACON = "beacon"
OPEN = "open"  # what a record without `acl:` labels is marked with; roles are marked `role:…`
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEX = np.dtype([("term", "<u4"), ("weight", "<f4")])
RETURNED = ("tenant", "record", "version", "group", "position", "lex", "half")


@dataclass(frozen=True, slots=True)
class Write:
    """One document to write: its id, its external version (None: whatever stands) and its fields."""

    id: str
    revision: int | None
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What came back of one document."""

    tenant_id: UUID
    id: UUID
    version: int
    group: bytes | None
    position: int | None
    lex: Any
    half: Vectors | None

    def lexical(self, weights: Mapping[int, float]) -> float:
        """The inner product of its terms' weights and the question's, in the precision PostgreSQL keeps them."""
        return sum(float(weight) * weights[term] for term, weight in self.lex.tolist() if term in weights)

    def dense(self, vector: Vectors | None) -> float | None:
        """`vector` in half precision, as float32."""
        return None if vector is None or self.half is None else float(self.half @ vector)


def written(document: Document, build: UUID) -> Write:
    fields = {
        "tenant": document.tenant_id.hex,
        "build": build.hex,
        "state": document.state,
        "collection": document.collection.value,
        "space": document.space_id.hex,
        "record": document.id.hex,
        "version": document.version,
        "revision": document.revision,
        "kind": document.kind,
        "acl": roles(document.acl) or [OPEN],
        "labels": sorted(document.labels),
        "subjects": [subject.hex() for subject in sorted(document.subjects)],
        "group": document.group.hex() if document.group is not None else None,
        "position": document.position,
        "valid_from": micros(document.valid_from or ALWAYS),
        "valid_to": micros(document.valid_to or NEVER),
        "recorded_at": micros(document.recorded_at),
        "superseded_at": micros(document.superseded_at or NEVER),
        "expires_at": micros(document.expires_at or NEVER),
        **_searched(document),
    }
    return Write(_id(build, document.collection, document.id, document.version), document.revision, fields)


def tombstone(tenant_id: UUID, build: UUID, key: Key) -> Write:
    """Nothing but key and revision."""
    fields = {
        "tenant": tenant_id.hex,
        "build": build.hex,
        "state": REMOVED,
        "collection": key.collection.value,
        "record": key.id.hex,
        "version": key.version,
        "revision": key.revision,
    }
    return Write(_id(build, key.collection, key.id, key.version), key.revision, fields)


def beacon(tenant_id: UUID, build: UUID) -> Write:
    """Says that all of a build's content stands."""
    return Write(beacon_id(build), None, {"tenant": tenant_id.hex, "build": build.hex, "state": BEACON})


def beacon_id(build: UUID) -> str:
    return f"{BEACON}-{build.hex}"


def roles(names: tuple[str, ...] | list[str]) -> list[str]:
    return [f"role:{name}" for name in names]


def micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def halved(vector: Vectors) -> Vectors:
    """In the precision of a `halfvec`, as float32."""
    return np.round(vector.astype(np.float64), 5).astype(np.float16).astype(np.float32)


def candidate(hit: Any) -> Candidate:
    """Raises `Nonsense` where a field is missing or of another kind."""
    try:
        told = {name: values[0] for name, values in hit["fields"].items()}
        return Candidate(
            tenant_id=UUID(hex=told["tenant"]),
            id=UUID(hex=told["record"]),
            version=int(told["version"]),
            group=bytes.fromhex(told["group"]) if "group" in told else None,
            position=int(told["position"]) if "position" in told else None,
            lex=np.frombuffer(_unpacked(told.get("lex", "")), dtype=_LEX),
            half=_half(told.get("half")),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise Nonsense from None


def _half(packed: str | None) -> Vectors | None:
    if packed is None:
        return None
    return np.frombuffer(_unpacked(packed), dtype="<f2").astype(np.float32)


def _unpacked(encoded: str) -> bytes:
    """OpenSearch gives bytes back as base64 without padding."""
    return binascii.a2b_base64(encoded + "=" * (-len(encoded) % 4), strict_mode=True)


def _searched(document: Document) -> dict[str, Any]:
    """The terms and the vector, each as its arm needs it, and as bytes for the score."""
    found: dict[str, Any] = {}
    if document.terms:
        weights = {term: float(f"{weight:.6g}") for term, weight in sorted(document.terms.items())}
        found["terms"] = {str(term): weight for term, weight in weights.items()}
        found["lex"] = base64.b64encode(np.array(list(weights.items()), dtype=_LEX).tobytes()).decode()
    if document.vector is not None:
        half = halved(document.vector)
        found["vec"] = half.tolist()
        found["half"] = base64.b64encode(half.astype("<f2").tobytes()).decode()
    return found


def _id(build: UUID, collection: Collection, record: UUID, version: int) -> str:
    text = "\0".join((build.hex, collection.value, record.hex, str(version)))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

"""How a version stands in OpenSearch, and how a candidate is read back and scored.

A document's id is a hash of its key and of its *build*: the token of one filling of a generation. So a rebuild writes
beside what is asked, and the token in the generation's row (PostgreSQL) says which of the two counts.
"""

import base64
import binascii
import hashlib
import logging
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from foundation import telemetry
from foundation.kernel.problems import Integrity
from foundation.search.embedders import Vectors
from foundation.search.opensearch.connection import Nonsense
from foundation.search.port import Collection, Document, Key
from foundation.search.rows import ALWAYS, NEVER, REMOVED
from foundation.telemetry import instruments

BEACON = "beacon"
OPEN = "open"  # what a record without `acl:` labels is marked with; roles are marked `role:…`
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEX = np.dtype([("term", "<u4"), ("weight", "<f4")])
# What a hit needs to be told, in one column: tenant, record, group, position, version, how many terms, which of group
# and position there are; then the terms. Its length is a multiple of three, so that base64 needs no padding.
_CARD = struct.Struct("<16s16s16sqIHBx")
_NO_GROUP, _GROUPED, _PLACED = bytes(16), 1, 2

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Write:
    """One document to write: its id, its external version (None: whatever stands) and its fields."""

    id: str
    revision: int | None
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What came back of one document: of its terms and marks those that were asked for, with their weights."""

    id: UUID
    version: int
    group: bytes | None
    position: int | None
    held: Mapping[int, float]
    dense: float | None


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


def candidates(
    words: Sequence[Any], meaning: Sequence[Any], tenant_id: UUID, wanted: Iterable[int], vector: Vectors | None
) -> list[Candidate]:
    """Of the hits of both arms, each version once. Raises `Nonsense` where something is missing or of another kind,
    and `Integrity` where it is another tenant's.

    `dense`: from the node's score where that arm brought it, which is exact, else from the vector that came along.
    """
    try:
        cards = _unpacked([hit["fields"]["card"][0] for hit in (*meaning, *words)])
        near: list[float | None] = [_product(hit["_score"]) for hit in meaning]
        near += [None] * len(words) if vector is None else _products(words, vector)
        found = _read(cards, near, tenant_id, np.fromiter(wanted, dtype="<u4"))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, struct.error):
        raise Nonsense from None
    once: dict[tuple[UUID, int], Candidate] = {}
    for one in found:
        once.setdefault((one.id, one.version), one)
    return list(once.values())


def demand_ours(found: UUID | bytes, tenant_id: UUID) -> None:
    """Raises `Integrity` for what is another tenant's."""
    if (found if isinstance(found, bytes) else found.bytes) != tenant_id.bytes:
        log.critical("the search engine answered with another tenant's document")
        telemetry.record(instruments.SEARCH_BLOCKED, 1, telemetry.Where.ENGINE)
        raise Integrity("The search engine answered with another tenant's document.")


def _read(cards: Sequence[bytes], near: Sequence[float | None], tenant_id: UUID, wanted: Vectors) -> list[Candidate]:
    found, held = [], _held(cards, wanted)
    for card, terms, dense in zip(cards, held, near, strict=True):
        tenant, record, group, position, version, _, flags = _CARD.unpack_from(card)
        demand_ours(tenant, tenant_id)
        placed = (group if flags & _GROUPED else None, position if flags & _PLACED else None)
        found.append(Candidate(UUID(bytes=record), version, *placed, terms, dense))
    return found


def _held(cards: Sequence[bytes], wanted: Vectors) -> list[dict[int, float]]:
    """Of each card the terms that are `wanted`, all cards in one pass."""
    counts = [_CARD.unpack_from(card)[5] for card in cards]
    packed = b"".join(card[_CARD.size : _CARD.size + _LEX.itemsize * n] for card, n in zip(cards, counts, strict=True))
    entries = np.frombuffer(packed, dtype=_LEX)
    places = np.repeat(np.arange(len(cards)), counts)
    (good,) = np.nonzero(np.isin(entries["term"], wanted))
    if len(places) != len(entries):
        raise ValueError
    held: list[dict[int, float]] = [{} for _ in cards]
    chosen = entries[good]
    for place, term, weight in zip(
        places[good].tolist(), chosen["term"].tolist(), chosen["weight"].tolist(), strict=True
    ):
        held[place][term] = weight
    return held


def _product(score: float) -> float:
    """The inner product of which Lucene made a score that is never negative."""
    return score - 1.0 if score >= 1.0 else 1.0 - 1.0 / score


def _products(hits: Sequence[Any], vector: Vectors) -> list[float | None]:
    """`vector`'s inner products with the half-precision vectors of `hits`; None where there is none."""
    there = [(at, hit["fields"]["half"][0]) for at, hit in enumerate(hits) if "half" in hit["fields"]]
    products: list[float | None] = [None] * len(hits)
    if there:
        packed = np.frombuffer(b"".join(_unpacked([half for _, half in there])), dtype=np.uint8)
        rows = packed.reshape(len(there), -1)[:, : 2 * len(vector)]
        exact = np.ascontiguousarray(rows).view("<f2").astype(np.float32) @ vector
        for (at, _), product in zip(there, exact.tolist(), strict=True):
            products[at] = product
    return products


def _unpacked(encoded: Sequence[str]) -> list[bytes]:
    """OpenSearch gives bytes back as base64; all of ours are a multiple of three long, so they are decoded together."""
    if any(len(one) % 4 for one in encoded):
        raise ValueError
    together, at, found = binascii.a2b_base64("".join(encoded), strict_mode=True), 0, []
    for one in encoded:
        end = at + len(one) // 4 * 3
        found.append(together[at:end])
        at = end
    return found


def _packed(data: bytes) -> str:
    return base64.b64encode(data + bytes(-len(data) % 3)).decode()


def _card(document: Document, terms: Mapping[int, float]) -> str:
    flags = (_GROUPED if document.group is not None else 0) | (_PLACED if document.position is not None else 0)
    head = _CARD.pack(
        document.tenant_id.bytes,
        document.id.bytes,
        document.group or _NO_GROUP,
        document.position or 0,
        document.version,
        len(terms),
        flags,
    )
    return _packed(head + np.array(list(terms.items()), dtype=_LEX).tobytes())


def _searched(document: Document) -> dict[str, Any]:
    """The terms and the vector, each as its arm needs it, and as bytes for the score."""
    weights = {term: float(f"{weight:.6g}") for term, weight in sorted(document.terms.items())}
    found: dict[str, Any] = {"card": _card(document, weights)}
    if weights:
        found["terms"] = {str(term): weight for term, weight in weights.items()}
    if document.vector is not None:
        half = halved(document.vector)
        found["vec"] = half
        found["half"] = _packed(half.astype("<f2").tobytes())
    return found


def _id(build: UUID, collection: Collection, record: UUID, version: int) -> str:
    text = "\0".join((build.hex, collection.value, record.hex, str(version)))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

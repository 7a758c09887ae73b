"""The manifest: which memories exist and the element (a MAC of the header) each must show, as one hash.

A tree of three levels. A *bucket* (level 0) holds up to 256 pairs of memory id and element in the order in which the
log first names the ids; a *group* (level 1) summarises up to 256 buckets; the *top* (level 2) summarises the groups. A
summary is a child's hash and the least and greatest id in it: ids are UUIDv7, so the intervals of children hardly
overlap, and looking into every child whose interval holds an id shows that the id is *not* there as surely as that it
is. An erased memory keeps its slot with an element of zeroes: it can neither show nor come back.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from audit.event import ELEMENT, Change

BUCKET, GROUP, TOP = 0, 1, 2
FAN_OUT = 256
REMEMBERED = 512
"""Groups and tops kept in memory by their hash (up to 30 KB each)."""
ERASED = bytes(ELEMENT)
_PAIR = 16 + ELEMENT
_SUMMARY = 32 + 16 + 16

Place = tuple[int, int]
"""(level, index)."""
Fetch = Callable[[Sequence[Place]], Mapping[Place, bytes]]
"""Bodies of the nodes at the given places, from an untrusted store; absent where it has none."""


class ManifestError(ValueError):
    """A node is not the one that the root commits to, or a delta does not fit."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a parent says of a child."""

    hash: bytes
    least: bytes
    greatest: bytes

    def pack(self) -> bytes:
        return self.hash + self.least + self.greatest


def node_hash(level: int, body: bytes) -> bytes:
    """SHA-256 over a label, the level and the body."""
    return hashlib.sha256(b"memwrit manifest" + bytes([level]) + body).digest()


EMPTY = node_hash(TOP, b"")


class Manifest:
    """A view of the tree under one trusted root: loads what it is asked about, checks every node, applies deltas."""

    def __init__(self, root: bytes, fetch: Fetch) -> None:
        self._fetch = fetch
        self._bodies: dict[Place, bytearray] = {}
        self._summaries: dict[Place, list[Summary]] = {}
        self._slots: dict[bytes, tuple[int, int]] = {}
        self._unindexed: set[int] = set()
        self.changed: set[Place] = set()
        if root == EMPTY:
            self._summaries[TOP, 0] = []
        else:
            self._load({(TOP, 0): root})

    def elements(self, ids: Iterable[UUID]) -> dict[UUID, bytes | None]:
        """The element of each id; None where the manifest has none or it was erased. Raises `ManifestError`."""
        wanted = list(ids)
        self._look_into([one.bytes for one in wanted])
        return {one: self._element(one.bytes) for one in wanted}

    def apply(self, changes: Sequence[Change]) -> None:
        """Apply deltas in order; each `old` must be what stands there, and an erased id never returns."""
        self._look_into([change.id.bytes for change in changes])
        self._load_last_bucket()
        self._index()
        for change in changes:
            self._apply(change)

    def root(self) -> bytes:
        """The hash of the top node, after the summaries of changed nodes were made anew."""
        for level in (BUCKET, GROUP):
            for place in [place for place in self.changed if place[0] == level]:
                self._summarise(place)
        digest = node_hash(TOP, self.body((TOP, 0)))
        _remember(digest, self._summaries[TOP, 0])
        return digest

    def body(self, place: Place) -> bytes:
        """A loaded node's bytes."""
        if place[0] == BUCKET:
            return bytes(self._bodies[place])
        return b"".join(summary.pack() for summary in self._summaries[place])

    def _apply(self, change: Change) -> None:
        key = change.id.bytes
        slot = self._slot(key)
        if self._element(key) != change.old or (slot and change.old is None):
            raise ManifestError("a delta does not start from the element that stands")
        if slot is None:
            slot = self._slots[key] = self._new_slot(key)
        bucket, offset = slot
        self._bodies[BUCKET, bucket][offset : offset + ELEMENT] = change.new or ERASED
        self.changed |= {(BUCKET, bucket), (GROUP, bucket // FAN_OUT), (TOP, 0)}

    def _element(self, key: bytes) -> bytes | None:
        slot = self._slot(key)
        if slot is None:
            return None
        element = bytes(self._bodies[BUCKET, slot[0]][slot[1] : slot[1] + ELEMENT])
        return None if element == ERASED else element

    def _slot(self, key: bytes) -> tuple[int, int] | None:
        """(bucket, offset) of an id's element among the loaded buckets."""
        if key in self._slots:
            return self._slots[key]
        for bucket in self._unindexed:  # unchanged, so its parent's summary is true of it
            summary = self._summaries[GROUP, bucket // FAN_OUT][bucket % FAN_OUT]
            if summary.least <= key <= summary.greatest:
                offset = _find(self._bodies[BUCKET, bucket], key)
                if offset >= 0:
                    return bucket, offset + 16
        return None

    def _index(self) -> None:
        """Index the loaded buckets by id: worth it for a batch of deltas, not for a handful of ids."""
        while self._unindexed:
            bucket = self._unindexed.pop()
            body = self._bodies[BUCKET, bucket]
            for offset in range(0, len(body), _PAIR):
                self._slots[bytes(body[offset : offset + 16])] = bucket, offset + 16

    def _new_slot(self, key: bytes) -> tuple[int, int]:
        last = self._count(BUCKET) - 1
        body = self._bodies.get((BUCKET, last))
        if body is None or len(body) == FAN_OUT * _PAIR:
            last += 1
            body = self._bodies[BUCKET, last] = bytearray()
            self._append_child(last)
        body += key + ERASED
        return last, len(body) - ELEMENT

    def _append_child(self, bucket: int) -> None:
        empty = Summary(bytes(32), b"\xff" * 16, bytes(16))
        group = bucket // FAN_OUT
        if (GROUP, group) not in self._summaries:
            self._summaries[GROUP, group] = []
            self._summaries[TOP, 0].append(empty)
        self._summaries[GROUP, group].append(empty)

    def _count(self, level: int) -> int:
        groups = len(self._summaries[TOP, 0])
        if level == GROUP or not groups:
            return groups
        return (groups - 1) * FAN_OUT + len(self._summaries[GROUP, groups - 1])

    def _summarise(self, place: Place) -> None:
        level, index = place
        body = self.body(place)
        if level == BUCKET:
            keys = [body[i : i + 16] for i in range(0, len(body), _PAIR)]
            summary = Summary(node_hash(level, body), min(keys), max(keys))
            self._summaries[GROUP, index // FAN_OUT][index % FAN_OUT] = summary
        else:
            children = self._summaries[place]
            least, greatest = min(child.least for child in children), max(child.greatest for child in children)
            self._summaries[TOP, 0][index] = summary = Summary(node_hash(level, body), least, greatest)
            _remember(summary.hash, children)

    # --- loading ---

    def _look_into(self, keys: Sequence[bytes]) -> None:
        wanted = sorted(key for key in keys if key not in self._slots)
        if wanted:
            self._load(self._candidates((TOP, 0), wanted))
            groups = [place for place in self._summaries if place[0] == GROUP]
            self._load({k: v for place in groups for k, v in self._candidates(place, wanted).items()})

    def _candidates(self, parent: Place, keys: Sequence[bytes]) -> dict[Place, bytes]:
        """The children that may hold one of the sorted keys."""
        level, index = parent
        return {
            (level - 1, index * FAN_OUT + number): child.hash
            for number, child in enumerate(self._summaries[parent])
            if (at := bisect_left(keys, child.least)) < len(keys) and keys[at] <= child.greatest
        }

    def _load_last_bucket(self) -> None:
        groups = self._summaries[TOP, 0]
        if groups:
            self._load({(GROUP, len(groups) - 1): groups[-1].hash})
            self._load({(BUCKET, self._count(BUCKET) - 1): self._summaries[GROUP, len(groups) - 1][-1].hash})

    def _load(self, expected: Mapping[Place, bytes]) -> None:
        missing = {k: v for k, v in expected.items() if k not in self._bodies and not self._known(k, v)}
        if not missing:
            return
        bodies = self._fetch(list(missing))
        for place, digest in missing.items():
            body = bodies.get(place)
            if body is None or node_hash(place[0], body) != digest:
                raise ManifestError("a node of the manifest is not the one its parent names")
            self._keep(place, digest, bytes(body))

    def _known(self, place: Place, digest: bytes) -> bool:
        """Whether the node is loaded, or was seen before: a hash names one body, wherever it was read."""
        if place in self._summaries:
            return True
        seen = _inner.get(digest) if place[0] != BUCKET else None
        if seen is not None:
            self._summaries[place] = list(seen)
        return seen is not None

    def _keep(self, place: Place, digest: bytes, body: bytes) -> None:
        if place[0] != BUCKET:
            self._summaries[place] = _summaries(body)
            _remember(digest, self._summaries[place])
            return
        self._bodies[place] = bytearray(body)
        self._unindexed.add(place[1])


def _find(body: bytearray, key: bytes) -> int:
    """Where the pair of an id begins in a bucket; -1 where it has none."""
    at = body.find(key)
    while at >= 0 and at % _PAIR:
        at = body.find(key, at + 1)
    return at


_inner: dict[bytes, tuple[Summary, ...]] = {}


def _remember(digest: bytes, summaries: Sequence[Summary]) -> None:
    if len(_inner) >= REMEMBERED:
        _inner.clear()
    _inner[digest] = tuple(summaries)


def _summaries(body: bytes) -> list[Summary]:
    return [
        Summary(body[i : i + 32], body[i + 32 : i + 48], body[i + 48 : i + 64]) for i in range(0, len(body), _SUMMARY)
    ]


def of_changes(changes: Sequence[Change]) -> Manifest:
    """The manifest that a log's deltas, in order, amount to."""
    manifest = Manifest(EMPTY, lambda _: {})
    manifest.apply(changes)
    return manifest

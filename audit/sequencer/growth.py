"""One log's part of a round: what is appended, which tiles and manifest nodes change, and the checkpoint over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from audit import merkle
from audit.event import Event
from audit.manifest import EMPTY, Manifest, ManifestError
from audit.notes import Checkpoint, NoteError, Signer, b64, unb64
from audit.origin import DIRECTORY, MANIFEST, origin
from audit.sequencer import checks
from audit.sequencer.checks import Fault, Reason
from audit.sequencer.rows import EntryRow, HeadRow, Piece, Rows
from audit.tiles import Edge, Fetch
from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7


@dataclass(frozen=True, slots=True)
class Growth:
    """A log after new leaves, not yet written nor signed."""

    tenant: UUID
    head: HeadRow | None
    entries: list[EntryRow]
    edge: Edge
    frontier: list[bytes]
    manifest: Manifest | None
    manifest_root: bytes | None

    @property
    def size(self) -> int:
        """How many leaves the log had before."""
        return self.head.size if self.head else 0

    def tiles(self) -> list[Piece]:
        return [(self.tenant, *place, b"".join(hashes)) for place, hashes in self.edge.changed.items()]

    def nodes(self) -> list[Piece]:
        if self.manifest is None:
            return []
        return [(self.tenant, *place, self.manifest.body(place)) for place in self.manifest.changed]


def grow(rows: Rows, tenant: UUID, head: HeadRow | None, events: Sequence[tuple[bytes, Event]], tile: Fetch) -> Growth:
    """Append events, each with its exact bytes, to a tenant's log and their deltas to its manifest; raises `Fault`.
    `tile`: the tiles of the log's edge, as they stand."""
    checkpoint = checks.checkpoint(head) if head else None
    manifest, root = _manifest(rows, tenant, checkpoint, [event for _, event in events])
    size = head.size if head else 0
    entries = [_entry(entry, event, size + at) for at, (entry, event) in enumerate(events)]
    return _append(tenant, head, entries, tile, manifest, root)


def grow_directory(head: HeadRow | None, heads: Sequence[HeadRow], tile: Fetch) -> Growth:
    """Append the tenants' new checkpoints to the directory log; raises `Fault`."""
    if head:
        checks.checkpoint(head)
    size = head.size if head else 0
    entries = [_checkpoint_entry(new, size + at) for at, new in enumerate(heads)]
    return _append(DIRECTORY, head, entries, tile)


def sign(stored: Sequence[tuple[bytes, bytes]], growth: Growth, signer: Signer) -> HeadRow:
    """Hash anew what was written and read back (entry, leaf hash), and only then sign: one flipped bit ruined the CT
    log Yeti 2022."""
    size = growth.size
    leaves = [merkle.leaf_hash(entry) for entry, _ in stored]
    root = merkle.frontier_root(merkle.append(growth.frontier, size, leaves))
    if [leaf for _, leaf in stored] != leaves or len(leaves) != len(growth.entries) or root != growth.edge.root():
        raise RuntimeError("what was written is not what was to be written: nothing is signed")
    extensions = {MANIFEST: b64(growth.manifest_root)} if growth.manifest_root else {}
    extensions["at"] = str(int(now().timestamp() * 1000))
    note = signer.sign(Checkpoint(origin(growth.tenant), growth.edge.size, root, extensions).text())
    return HeadRow(growth.tenant, growth.edge.size, root, note)


def _append(
    tenant: UUID,
    head: HeadRow | None,
    entries: list[EntryRow],
    tile: Fetch,
    manifest: Manifest | None = None,
    manifest_root: bytes | None = None,
) -> Growth:
    size, root = (head.size, head.root) if head else (0, merkle.EMPTY_ROOT)
    edge = checks.edge(size, root, tile)
    frontier = edge.frontier()
    edge.append([entry.leaf_hash for entry in entries])
    return Growth(tenant, head, entries, edge, frontier, manifest, manifest_root)


def _manifest(
    rows: Rows, tenant: UUID, checkpoint: Checkpoint | None, events: Sequence[Event]
) -> tuple[Manifest | None, bytes]:
    changes = [change for event in events for change in event.changes]
    try:
        root = unb64(checkpoint.extensions[MANIFEST]) if checkpoint else EMPTY
        if not changes:
            return None, root
        manifest = Manifest(root, lambda places: rows.nodes(tenant, places))
        manifest.apply(changes)
        return manifest, manifest.root()
    except (ManifestError, NoteError, KeyError):
        raise Fault(Reason.MANIFEST) from None


def _entry(entry: bytes, event: Event, index: int) -> EntryRow:
    target = event.target
    return EntryRow(
        tenant=event.tenant,
        id=event.id,
        index=index,
        leaf_hash=merkle.leaf_hash(entry),
        entry=entry,
        act=event.act.value,
        actor_id=event.actor.id,
        target_kind=target.kind if target else None,
        target_id=target.id if target else None,
        outcome=event.outcome,
        policy=event.policy,
        ts=event.ts,
    )


def _checkpoint_entry(head: HeadRow, index: int) -> EntryRow:
    """A leaf of the directory: the note itself."""
    entry, ts = head.note.encode(), int(now().timestamp() * 1000)
    leaf = merkle.leaf_hash(entry)
    return EntryRow(
        DIRECTORY, uuid7(), index, leaf, entry, "checkpoint", DIRECTORY, "tenant", head.tenant, "ok", "none", ts
    )

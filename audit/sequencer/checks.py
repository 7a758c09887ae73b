"""What the sequencer asks of everything it reads, before it builds on it. A tenant that fails is put in quarantine."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from audit import heartbeat, merkle, tiles
from audit.event import Event, EventError, parse
from audit.lanes import first_chain, next_chain, row_mac, state_mac
from audit.models import Quarantine
from audit.notes import Checkpoint, NoteError
from audit.origin import own_checkpoint
from audit.pin import Pin
from audit.sequencer.rows import HeadRow, LaneState, Waiting

Reason = Quarantine.Reason


class Fault(Exception):
    """A tenant's ledger does not add up."""

    def __init__(self, reason: Quarantine.Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def follow(
    waiting: Sequence[Waiting], states: Mapping[UUID, LaneState], outbox_key: bytes, lane_key: bytes
) -> list[LaneState]:
    """Follow every lane of one tenant's rows; returns where the lanes now stand. Raises `Fault` at a row that is not
    authentic, is missing, or stands twice."""
    ends: dict[UUID, LaneState] = {}
    for one in waiting:
        row = one.row
        end = ends.get(row.lane) or _start(states.get(row.lane), row.lane, row.tenant, lane_key)
        if row.n != end.n + 1:
            raise Fault(Reason.LANE)
        digest = row.digest()
        if not hmac.compare_digest(one.mac, row_mac(outbox_key, row, digest, one.chain)):
            raise Fault(Reason.MAC)
        if one.chain != next_chain(end.chain, row.n, digest):
            raise Fault(Reason.LANE)
        closed = heartbeat.is_heartbeat(row.entry)
        ends[row.lane] = LaneState(row.lane, row.tenant, row.n, one.chain, closed, b"")
    return [_authenticated(end, lane_key) for end in ends.values()]


def _start(state: LaneState | None, lane: UUID, tenant: UUID, key: bytes) -> LaneState:
    if state is None:
        return LaneState(lane, tenant, 0, first_chain(lane, tenant), True, b"")
    expected = state_mac(key, state.id, state.tenant, state.n, state.chain, state.closed)
    if state.tenant != tenant or not hmac.compare_digest(state.mac, expected):
        raise Fault(Reason.LANE)
    return state


def _authenticated(end: LaneState, key: bytes) -> LaneState:
    mac = state_mac(key, end.id, end.tenant, end.n, end.chain, end.closed)
    return LaneState(end.id, end.tenant, end.n, end.chain, end.closed, mac)


def events(waiting: Sequence[Waiting]) -> list[tuple[bytes, Event]]:
    """The events among a tenant's followed rows, with their bytes; raises `Fault` for one unlike its row."""
    found = []
    for one in waiting:
        if heartbeat.is_heartbeat(one.row.entry):
            continue
        try:
            event = parse(one.row.entry)
        except EventError:
            raise Fault(Reason.EVENT) from None
        touched = tuple(change.id for change in event.changes)
        if (event.id, event.tenant, touched) != (one.row.id, one.row.tenant, one.row.touched):
            raise Fault(Reason.EVENT)
        found.append((one.row.entry, event))
    if len({event.id for _, event in found}) != len(found):
        raise Fault(Reason.REPEAT)
    return found


def checkpoint(head: HeadRow) -> Checkpoint:
    """The head's checkpoint; raises `Fault` unless it is signed by us for this log and says what the row says."""
    try:
        found = own_checkpoint(head.note, head.tenant)
    except NoteError:
        raise Fault(Reason.HEAD) from None
    if (found.size, found.root) != (head.size, head.root):
        raise Fault(Reason.HEAD)
    return found


def edge(size: int, root: bytes, fetch: tiles.Fetch) -> tiles.Edge:
    """The right edge of the tree, hashed anew; raises `Fault` unless its root is the signed one."""
    try:
        found = tiles.Edge(size, {level: fetch(level, number) for level, number in tiles.partial_tiles(size)})
        good = found.root() == root
    except (tiles.TileError, merkle.ProofError, IndexError):
        raise Fault(Reason.TREE) from None
    if not good:
        raise Fault(Reason.TREE)
    return found


def pinned(head: HeadRow | None, pin: Pin | None, fetch: tiles.Fetch) -> bool:
    """Whether the pin stands at the head (True) or behind it, where the head extends it (False): a kill came between
    commit and pin. Raises `Fault` for a pin that is lost, ahead, or of another history."""
    if head is None:
        if pin is not None and pin.size:
            raise Fault(Reason.PIN)
        return True
    if pin is None or pin.size > head.size:
        raise Fault(Reason.PIN)
    if pin.size == head.size:
        if pin.root != head.root:
            raise Fault(Reason.PIN)
        return True
    if pin.size:
        _extends(head, pin, fetch)
    return False


def _extends(head: HeadRow, pin: Pin, fetch: Callable[[int, int], bytes]) -> None:
    try:
        path = merkle.consistency_path(pin.size, head.size, tiles.nodes(fetch))
        merkle.verify_consistency(pin.size, head.size, path, pin.root, head.root)
    except (merkle.ProofError, tiles.TileError):
        raise Fault(Reason.PIN) from None

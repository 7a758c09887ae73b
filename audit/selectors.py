"""Reading the ledger. What is served of the log is checked first, and never newer than the pin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from audit import details, heartbeat, merkle, tiles
from audit.acts import Act
from audit.event import Event, EventError, parse
from audit.manifests import pending_event, verify_elements
from audit.models import Detail, Entry, Lane, Outbox, Quarantine, Tile
from audit.notes import Proof, b64
from audit.pin import Pin, watch
from foundation.kernel.clock import now
from foundation.kernel.problems import Erased, FieldError, Integrity, NotFound, NotSequenced, Validation
from foundation.kernel.scope import current_work

__all__ = ["verify_elements"]

LEFT_OPEN = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Listed:
    """An event and its place in the log; `index` is None until it is sequenced."""

    event: Event
    index: int | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events; bounds of time are inclusive and exclusive."""

    act: Act | None = None
    actor: UUID | None = None
    target: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    def admits(self, event: Event) -> bool:
        return (
            (self.act is None or event.act is self.act)
            and (self.actor is None or event.actor.id == self.actor)
            and (self.target is None or (event.target is not None and event.target.id == self.target))
            and (self.since is None or event.ts >= _millis(self.since))
            and (self.until is None or event.ts < _millis(self.until))
        )

    def columns(self) -> dict[str, Any]:
        wanted = {
            "act": self.act,
            "actor_id": self.actor,
            "target_id": self.target,
            "ts__gte": self.since and _millis(self.since),
            "ts__lt": self.until and _millis(self.until),
        }
        return {name: value for name, value in wanted.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Inclusion:
    """An event's leaf and its proof under the published checkpoint."""

    event_id: UUID
    entry: bytes
    size: int
    proof: Proof

    def body(self) -> dict[str, Any]:
        """The proof object that the API answers and `audit.evidence` reads."""
        return {
            "event_id": str(self.event_id),
            "entry": b64(self.entry),
            "leaf_hash": b64(merkle.leaf_hash(self.entry)),
            "index": self.proof.index,
            "tree_size": self.size,
            "hashes": [b64(item) for item in self.proof.hashes],
            "checkpoint": self.proof.checkpoint,
        }


@dataclass(frozen=True, slots=True)
class State:
    """How the tenant's ledger stands."""

    size: int
    waiting: int
    oldest_seconds: float
    quarantine: str | None
    open_lanes: int
    """Lanes whose process ended without closing them: their last five seconds cannot be vouched for."""


def events(wanted: Filter, *, before: UUID | None, limit: int) -> list[Listed]:
    """Up to `limit` events older than `before`, newest first, sequenced or not."""
    found = [*_sequenced(wanted, before, limit), *_waiting(wanted, before)]
    return sorted(found, key=lambda listed: listed.event.id, reverse=True)[:limit]


def _sequenced(wanted: Filter, before: UUID | None, limit: int) -> Iterator[Listed]:
    rows = Entry.objects.filter(**wanted.columns())
    if before is not None:
        rows = rows.filter(id__lt=before)
    return (Listed(_checked(row), row.index) for row in rows.order_by("-id")[:limit])


def _waiting(wanted: Filter, before: UUID | None) -> Iterator[Listed]:
    rows = Outbox.objects.filter(id__lt=before) if before is not None else Outbox.objects.all()
    for row in rows:
        if not heartbeat.is_heartbeat(bytes(row.entry)):
            event = pending_event(row)
            if wanted.admits(event):
                yield Listed(event, None)


def _checked(row: Entry) -> Event:
    """The event of a leaf; raises `Integrity` if a column that repeats it says something else."""
    entry = bytes(row.entry)
    try:
        event = parse(entry)
    except EventError:
        raise Integrity("A leaf of the log is not an event.") from None
    target = event.target
    told = (event.id, event.act.value, event.actor.id, event.outcome, event.policy, event.ts, merkle.leaf_hash(entry))
    shown = (row.id, row.act, row.actor_id, row.outcome, row.policy, row.ts, bytes(row.leaf_hash))
    about = (target.kind, target.id) if target else (None, None)
    if told != shown or about != (row.target_kind, row.target_id) or event.tenant != row.tenant_id:
        raise Integrity("A leaf of the log is not what its row says.")
    return event


def published(*, fresh: bool = False) -> Pin:
    """The tenant's newest published checkpoint: the pinned one. Raises `NotSequenced` for a log without one."""
    tenant = current_work().tenant_id
    pin = watch.highest(tenant, fresh=0.0) if fresh else watch.highest(tenant)
    if pin is None and not fresh:
        return published(fresh=True)
    if pin is None:
        raise NotSequenced(retry_after=1)
    return pin


def inclusion(event_id: UUID) -> Inclusion:
    """The proof that an event is in the log; raises `NotFound`, or `NotSequenced` if it is on its way."""
    row = Entry.objects.filter(id=event_id).first()
    if row is None:
        if Outbox.objects.filter(id=event_id).exists():
            raise NotSequenced(retry_after=1)
        raise NotFound
    pin = published()
    if row.index >= pin.size:
        pin = published(fresh=True)
    if row.index >= pin.size:
        raise NotSequenced(retry_after=1)
    event = _checked(row)
    path = leaf_path(event.leaf_hash(), row.index, pin.size, pin.root)
    return Inclusion(event_id, event.entry(), pin.size, Proof(row.index, tuple(path), pin.note, event.entry()))


def leaf_path(leaf: bytes, index: int, size: int, root: bytes) -> list[bytes]:
    """The audit path of a leaf in the log's first `size` leaves, whose root is `root`; raises `Integrity`."""
    path = _path(lambda nodes: merkle.inclusion_path(index, size, nodes))
    _must_hold(lambda: merkle.verify_inclusion(leaf, index, size, path, root))
    return path


def consistency(old: int, new: int | None = None) -> tuple[int, list[bytes], str]:
    """(new size, hashes, checkpoint): that the tree of `new` leaves, by default the published one, extends `old`."""
    pin = published(fresh=True)
    size = pin.size if new is None else new
    if not 0 < old <= size <= pin.size:
        pointer = "/from" if not 0 < old <= pin.size else "/to"
        raise Validation(errors=[FieldError(pointer, "out-of-range", "Not a size the log has had.")])
    path = _path(lambda nodes: merkle.consistency_path(old, size, nodes))
    return size, path, pin.note


def tile(wanted: tiles.Tile) -> bytes:
    """A tile or entry bundle of the published tree; raises `NotFound` for one it does not have."""
    size = published().size
    if wanted.width > tiles.width_at(wanted.level, wanted.number, size):
        size = published(fresh=True).size
    if wanted.width > tiles.width_at(wanted.level, wanted.number, size):
        raise NotFound
    if wanted.level == tiles.ENTRIES:
        first = wanted.number * tiles.WIDTH
        rows = Entry.objects.filter(index__gte=first, index__lt=first + wanted.width).order_by("index")
        return tiles.entry_bundle([bytes(entry) for entry in rows.values_list("entry", flat=True)])
    return _tile(wanted.level, wanted.number)[: wanted.width * merkle.HASH_SIZE]


def detail(event_id: UUID) -> tuple[Event, dict[str, Any]]:
    """An event and its opened detail; raises `NotFound`, `Erased` where the detail is gone, `Integrity`."""
    event, sealed, _ = _sealed(event_id)
    if sealed is None:
        raise Erased
    return event, details.open_detail(event.tenant, event.id, event.commit, sealed)


def event(event_id: UUID) -> Event:
    """An event whose detail may be gone; raises `NotFound`, `Integrity`."""
    return _sealed(event_id)[0]


def query_text(event_id: UUID) -> str:
    """The text that a search asked for; raises `NotFound`, and `Erased` once its day's key is destroyed."""
    event, sealed, query = _sealed(event_id)
    if sealed is None or query is None:
        raise Erased
    at = datetime.fromtimestamp(event.ts / 1000, UTC)
    return details.open_query(event.tenant, event.id, at, event.commit, sealed, query)


def _sealed(event_id: UUID) -> tuple[Event, bytes | None, bytes | None]:
    waiting = Outbox.objects.filter(id=event_id).first()
    if waiting is not None and not heartbeat.is_heartbeat(bytes(waiting.entry)):
        return pending_event(waiting), _bytes(waiting.detail), _bytes(waiting.query)
    row = Entry.objects.filter(id=event_id).first()
    if row is None:
        raise NotFound
    found = Detail.objects.filter(id=event_id).first()
    return _checked(row), _bytes(found and found.sealed), _bytes(found and found.query)


def state() -> State:
    """How the tenant's ledger stands: for health and the console."""
    pin = watch.highest(current_work().tenant_id)
    oldest = Outbox.objects.order_by("seq").values_list("written_at", flat=True).first()
    stopped = Quarantine.objects.filter(lifted_at=None).values_list("reason", flat=True).first()
    age = (current_work().began - oldest).total_seconds() if oldest else 0.0
    left_open = Lane.objects.filter(closed=False, seen_at__lt=now() - LEFT_OPEN).count()
    return State(pin.size if pin else 0, Outbox.objects.count(), age, stopped, left_open)


def is_published(event_id: UUID) -> bool:
    """Whether an event is under a published checkpoint: what `Prefer: wait=sequenced` waits for."""
    index = Entry.objects.filter(id=event_id).values_list("index", flat=True).first()
    return index is not None and (index < published().size or index < published(fresh=True).size)


def _path(make: Callable[[merkle.Nodes], list[bytes]]) -> list[bytes]:
    try:
        return make(tiles.nodes(_tile))
    except (merkle.ProofError, tiles.TileError):
        raise Integrity("The log's tiles do not add up.") from None


def _must_hold(check: Callable[[], None]) -> None:
    try:
        check()
    except merkle.ProofError:
        raise Integrity("The log does not add up.") from None


def _tile(level: int, number: int) -> bytes:
    found = Tile.objects.filter(level=level, number=number).values_list("hashes", flat=True).first()
    return bytes(found) if found is not None else b""


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)

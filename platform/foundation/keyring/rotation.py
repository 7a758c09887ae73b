"""Forgetting keys: a new epoch for the shard, survivors re-wrapped under it, the old epoch key destroyed.

    intend   the new epoch's number is written down                                   undone by `recover`
    create   the KMS makes its key                                                    undone by `recover`
    turn     doomed rows are deleted and new keys use the new epoch: one transaction  ------ the point of no return
    re-wrap  survivors move over, in batches; old and new epoch both open             completed by `recover`
    copy     the survivors' wraps are written outside the database and read back      completed by `recover`
    destroy  the KMS destroys every older epoch and is read back                      completed by `recover`
    close    the evidence is written                                                  completed by `recover`

Two rules make any kill and any number of rotators safe: an epoch key is destroyed only if it is older than its shard's
current epoch and wraps no row; and a shard turns only forward, to an epoch whose intent still stands.
"""

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from foundation.kernel.clock import now
from foundation.kernel.problems import Integrity, Unavailable
from foundation.kernel.scope import current_tenant, in_transaction
from foundation.keyring import copies, rows, steps, turning, wrapping
from foundation.keyring.cache import LIFE
from foundation.keyring.kms import Assurance, EpochGone, kms

log = logging.getLogger(__name__)

BATCH = 4_000
GRACE = timedelta(seconds=60)
ORPHAN_AGE = timedelta(hours=1)
_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class ShardEvidence:
    """What is known of one shard's rotation. `destroyed_at` is None, and the assurance A1, until the KMS, read back,
    held no key older than `new_epoch`. `survivors` counts the keys under the new epoch at that time."""

    shard: int
    old_epoch: int
    new_epoch: int
    survivors: int
    destroyed_at: datetime | None
    assurance: Assurance


@dataclass(frozen=True, slots=True)
class Destruction:
    """The evidence that keys are gone, never above what was seen.

    `assurance` is the least of the shards', A0 if there is none. `unknown` ids had no key and are covered by no
    evidence. After `caches_end_at` no process holds one of the keys open; it is None below A2.
    """

    assurance: Assurance
    shards: tuple[ShardEvidence, ...]
    destroyed: frozenset[UUID]
    unknown: frozenset[UUID]
    caches_end_at: datetime | None


def destroy(ids: Collection[UUID]) -> Destruction:
    """Destroy the keys of `ids`, with one rotation for each shard they lie in, and say what is proven.

    Idempotent: asked again it finishes what is unfinished and gives the evidence that stands now. Raises `Unavailable`
    if nothing could be begun (nothing is deleted then); a failure after the turn leaves A1, and `recover` or another
    call lifts it.
    """
    if in_transaction():
        raise RuntimeError("keys are destroyed outside transactions")
    wanted = frozenset(ids)
    if shards := turning.shards_of(wanted):
        _turn(shards, wanted)
    gone = rows.destroyed(wanted, rows.ERASER)
    for turned in turning.evidence(set(gone.values())):
        if turned.state == "turned":
            _attempt(finish, turned.shard)
    return _destruction(wanted, gone)


def rotate(shards: Iterable[int]) -> None:
    """Give each of `shards` a new epoch and destroy the old one; no key is lost. Raises `Unavailable`, `Integrity`."""
    targets = _turn(set(shards), frozenset())
    for shard in targets:
        finish(shard)


def finish(shard: int) -> None:
    """Re-wrap what is left behind, destroy every older epoch, write the evidence. Any number of processes may."""
    epoch = _rewrap(shard)
    steps.reached("rotation.rewrapped")
    copies.keep(shard, epoch)
    steps.reached("rotation.copied")
    _destroy_before(shard, epoch)
    steps.reached("rotation.destroyed")
    turning.close(shard, epoch, survivors=turning.survivors(shard), assurance=kms().assurance)
    steps.reached("rotation.closed")


def recover(grace: timedelta = GRACE) -> None:
    """Complete or undo every rotation a killed process left, for the tenant in scope. Idempotent; what cannot be done
    now is left for the next call.

    `grace` spares intents that may still be followed; undoing one of those only makes its process begin anew, so at
    the start of `tick` it is zero.
    """
    found = turning.unfinished()
    for intent in found:
        if intent.state == "undoing" or (intent.state == "intended" and intent.intended_at <= now() - grace):
            _attempt(_undo, intent.shard, intent.new_epoch)
    for shard in sorted({turned.shard for turned in found if turned.state == "turned"}):
        _attempt(finish, shard)


def sweep(
    known_ids: Callable[[Collection[UUID]], Collection[UUID]],
    *,
    purposes: Collection[str] = ("version",),
    age: timedelta = ORPHAN_AGE,
) -> int:
    """Delete keys of `purposes`, older than `age`, that no record stands for; returns how many.

    `known_ids` is given ids and returns those of them that have a record; those are never asked about again. Nothing
    was ever committed under an orphan, so its shard is not rotated for it: its wrap dies with the next rotation.
    """
    swept, last = 0, None
    while batch := turning.unconfirmed(purposes, age, last, BATCH):
        known = frozenset(known_ids(batch)) & frozenset(batch)
        swept += turning.settle(known, frozenset(batch) - known)
        last = batch[-1]
    return swept


def _turn(shards: Collection[int], doomed: Collection[UUID]) -> turning.Targets:
    """Intend, create and turn all shards together; begins anew when another rotation overtook this one."""
    for _ in range(_ATTEMPTS):
        targets = turning.intend(shards)
        steps.reached("rotation.intended")
        try:
            for shard, epoch in targets.items():
                kms().create_epoch(current_tenant(), shard, epoch)
                steps.reached("rotation.created")
            turning.turn(targets, doomed)
        except (turning.Overtaken, EpochGone):
            for shard, epoch in targets.items():
                _undo(shard, epoch)
        else:
            steps.reached("rotation.turned")
            return targets
    raise Unavailable("other rotations are under way", retry_after=1)


def _rewrap(shard: int) -> int:
    """Move every key of the shard to its current epoch, which is returned; passes over it until none is behind."""
    for _ in range(_ATTEMPTS):
        epoch, last, moved = turning.current_epoch(shard), None, 0
        while behind := turning.left_behind(shard, epoch, last, BATCH):
            moved, last = moved + _move(behind, epoch), behind[-1].id
            steps.reached("rotation.batch")
        if not moved:
            return epoch
    raise Unavailable("other rotations are under way", retry_after=1)


def _move(behind: list[rows.Row], epoch: int) -> int:
    """Re-wrap one batch; how many of its rows another pass must look at."""
    try:
        carried, wrapped, gone = wrapping.carry(behind, epoch)
    except EpochGone:
        return len(behind)  # the shard has turned again; the next pass moves them to the newer epoch
    except Integrity:
        _name_broken(behind)
        raise
    if carried:
        turning.move(carried, epoch, wrapped)
    return len(behind) - len(_dead(gone))


def _dead(gone: list[rows.Row]) -> set[rows.Row]:
    """Of rows whose epoch key is destroyed, those that no other rotator has moved meanwhile: restored copies of the
    forgotten, which nothing can open and nothing need wait for."""
    dead = set(gone) & set(rows.keys([row.id for row in gone], rows.ERASER)) if gone else set()
    if dead:
        log.warning("keyring: %d restored keys of destroyed epochs", len(dead))
    return dead


def _name_broken(behind: list[rows.Row]) -> None:
    """Log the ids of rows that do not open. They stop the rotation, for the old epoch key may still open their back-up
    copies; restoring them, or destroying them by id, lets it go on."""
    for row in behind:
        try:
            wrapping.unwrap([row])
        except Integrity:
            log.error("keyring: key %s does not open; the rotation of its shard stops", row.id)


def _destroy_before(shard: int, epoch: int) -> None:
    tenant = current_tenant()
    for old in sorted(kms().epochs(tenant, shard)):
        if old < epoch:
            kms().destroy_epoch(tenant, shard, old)
            steps.reached("rotation.destroying")
    if any(old < epoch for old in kms().epochs(tenant, shard)):
        raise Unavailable("the KMS still holds a destroyed epoch")


def _attempt(act: Callable[..., None], *of: int) -> None:
    """Do it, or leave it to the next `recover`; the evidence meanwhile says no more than what was done."""
    try:
        act(*of)
    except (Unavailable, Integrity) as problem:
        log.warning("keyring: a rotation is unfinished: %s", type(problem).__name__)


def _undo(shard: int, epoch: int) -> None:
    """Give up an intent. Its state changes first, so that nobody can turn to an epoch that is being removed."""
    if turning.set_aside(shard, epoch, was=("intended", "undoing"), becomes="undoing"):
        steps.reached("rotation.undoing")
        kms().destroy_epoch(current_tenant(), shard, epoch)
        turning.set_aside(shard, epoch, was=("undoing",), becomes="undone")


def _destruction(wanted: frozenset[UUID], gone: dict[UUID, tuple[int, int]]) -> Destruction:
    shards = tuple(
        ShardEvidence(t.shard, t.old_epoch, t.new_epoch, t.survivors, t.destroyed_at, t.assurance)
        for t in turning.evidence(set(gone.values()))
    )
    assurance = min((shard.assurance for shard in shards), default=Assurance.A0)
    ends = [shard.destroyed_at for shard in shards if shard.destroyed_at]
    caches_end_at = max(ends) + LIFE if assurance >= Assurance.A2 else None
    return Destruction(assurance, shards, frozenset(gone), frozenset(wanted - gone.keys()), caches_end_at)

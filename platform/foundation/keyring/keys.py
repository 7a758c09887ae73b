"""Data keys: made, opened and destroyed for the tenant in scope.

Order of a write: the key is durable in the keyring, then the data transaction; so a key may lack its record (and is
swept), never a record its key. Wherever a KMS or the keyring does not answer, the result is `Unavailable`: nothing is
ever stored or read without its key.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID, uuid5

from django.conf import settings

from foundation.kernel.ids import uuid7
from foundation.kernel.problems import Erased, Unavailable
from foundation.kernel.scope import current_tenant, in_transaction
from foundation.keyring import rotation, rows, wrapping
from foundation.keyring.cache import ShortLived
from foundation.keyring.kms import EpochGone
from foundation.keyring.models import Purpose
from foundation.keyring.rotation import Destruction
from foundation.keyring.sealing import new_key

__all__ = [
    "Destruction",
    "Key",
    "NewKey",
    "Purpose",
    "create",
    "create_many",
    "destroy",
    "id_of",
    "named",
    "open_many",
    "open_one",
]

_ATTEMPTS = 8
opened: ShortLived[tuple[UUID, UUID], bytes] = ShortLived(getattr(settings, "KEYRING_CACHE", 20_000))


@dataclass(frozen=True, slots=True)
class Key:
    """A data key: its id, which is stored, and its 32-byte secret, which is not (and is not shown)."""

    id: UUID
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be made. Its shard comes from the first subject, else from `shard_of` (the record), else from `id`."""

    purpose: str
    id: UUID = field(default_factory=uuid7)
    shard_of: UUID | None = None
    subjects: Sequence[UUID] = ()


def create(purpose: str, *, id: UUID | None = None, shard_of: UUID | None = None, subjects: Sequence[UUID] = ()) -> Key:
    """A new key, durable in the keyring when this returns. Called before the data transaction, never inside one."""
    new = NewKey(Purpose(purpose), id or uuid7(), shard_of, tuple(subjects))
    return Key(new.id, create_many([new])[new.id])


def create_many(new: Sequence[NewKey]) -> dict[UUID, bytes]:
    """All of the keys or none, by id. Raises `Erased` if an id was a destroyed key's, `Unavailable` without the KMS."""
    if in_transaction():
        raise RuntimeError("keys are made before the data transaction, not inside it")
    return _create(new)


def open_many(ids: Iterable[UUID]) -> dict[UUID, bytes]:
    """The secrets of those of `ids` that have not been destroyed; the others are absent.

    Raises `Integrity` if a row was altered or moved, `Unavailable` if keyring or KMS does not answer.
    """
    tenant, read_at = current_tenant(), opened.clock()
    wanted = set(ids)
    found = {id_: key for (_, id_), key in opened.get((tenant, id_) for id_ in wanted).items()}
    if missing := wanted - found.keys():
        fresh = _unwrap(missing)
        _hold(fresh, read_at)
        found |= fresh
    return found


def open_one(id: UUID) -> bytes:
    """The secret of key `id`; raises `Erased` when there is none, and what `open_many` raises."""
    found = open_many([id])
    if id not in found:
        raise Erased
    return found[id]


def named(purpose: str, name: str = "") -> bytes:
    """The tenant's one key for `purpose` and `name`, made at first use by whichever process comes first.

    Raises `Erased` once it was destroyed: the past of a day's key is not given a new key.
    """
    id_ = id_of(purpose, name)
    if (held := opened.one((current_tenant(), id_))) is not None:
        return held
    for _ in range(_ATTEMPTS):
        if id_ in (found := open_many([id_])):
            return found[id_]
        _stored([NewKey(purpose, id_)], {id_: new_key()}, confirmed=True)
    raise Unavailable("a key could not be made", retry_after=1)


def id_of(purpose: str, name: str = "") -> UUID:
    """The id of the tenant's `named` key: by it the key is destroyed."""
    return _id_of(current_tenant(), purpose, name)


@lru_cache(maxsize=4096)
def _id_of(tenant: UUID, purpose: str, name: str) -> UUID:
    return uuid5(tenant, f"{Purpose(purpose)}/{name}")


def destroy(ids: Collection[UUID]) -> Destruction:
    """Destroy keys for good; the eraser's alone. See `rotation.destroy`."""
    try:
        return rotation.destroy(ids)
    finally:
        opened.drop((current_tenant(), id_) for id_ in ids)


def shard_of(anchor: UUID) -> int:
    """The shard that `anchor` (a subject, else a record) belongs to, out of `settings.KEYRING_SHARDS` (16)."""
    digest = hashlib.sha256(anchor.bytes).digest()
    return int.from_bytes(digest[:8], "big") % int(getattr(settings, "KEYRING_SHARDS", 16))


def _create(new: Sequence[NewKey]) -> dict[UUID, bytes]:
    made_at = opened.clock()
    secrets = {key.id: new_key() for key in new}
    if len(secrets) != len(new):
        raise ValueError("two new keys with one id")
    for _ in range(_ATTEMPTS):
        if _stored(new, secrets):
            _hold(secrets, made_at)
            return secrets
        if rows.keys(secrets):
            raise ValueError("a key with this id exists")
    raise Unavailable("the keyring is being rotated", retry_after=1)


def _stored(new: Sequence[NewKey], secrets: dict[UUID, bytes], *, confirmed: bool = False) -> bool:
    """One attempt to wrap and store; False when an epoch turned meanwhile, or another process stored the same key."""
    try:
        rows.insert(wrapping.wrap([_unwrapped(key) for key in new], secrets), confirmed=confirmed)
    except (EpochGone, rows.NotStored):
        if rows.destroyed(secrets):
            raise Erased from None
        wrapping.forget_epochs()
        return False
    return True


def _hold(secrets: dict[UUID, bytes], read_at: float) -> None:
    tenant = current_tenant()
    opened.put({(tenant, id_): key for id_, key in secrets.items()}, read_at=read_at)


def _unwrapped(key: NewKey) -> rows.Row:
    anchor = key.subjects[0] if key.subjects else key.shard_of or key.id
    return rows.Row(key.id, shard_of(anchor), Purpose(key.purpose).value, 0, tuple(key.subjects), b"")


def _unwrap(ids: Collection[UUID]) -> dict[UUID, bytes]:
    """Read and unwrap. A row whose epoch is gone is read again, for a rotation may just have moved it; one that has
    not moved was destroyed, and only a restored copy of the row is left."""
    secrets, gone = wrapping.unwrap(rows.keys(ids))
    while gone:
        again = rows.keys([row.id for row in gone])
        moved = set(again) - set(gone)
        found, gone = wrapping.unwrap(list(moved))
        secrets |= found
    return secrets

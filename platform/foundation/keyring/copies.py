"""Copies of wrapped keys outside the keyring's database, for restores: kept before an epoch key dies, read back.

A rotation makes every older dump of the keyring useless for its shard: what was wrapped under the destroyed epoch opens
nowhere, survivors included. So the survivors, as they are wrapped now, are written to `KEYRING_COPIES` before the old
epoch is destroyed; where that fails, it is not destroyed yet. A copy shows what the keyring shows, ids and wrapped
keys, which open only in the KMS. Each rotation of a shard replaces its copy.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from foundation.kernel.problems import Unavailable
from foundation.kernel.scope import current_tenant
from foundation.keyring import rows, turning
from foundation.keyring.rows import Row


@dataclass(frozen=True, slots=True)
class Copy:
    """One shard of the tenant in scope: its keys as they were wrapped under `epoch`."""

    shard: int
    epoch: int
    keys: tuple[Row, ...]


def keep(shard: int, epoch: int) -> None:
    """Write the shard's keys and read them back. Raises `Unavailable` where they do not stand afterwards; does
    nothing where no copies are kept."""
    if (folder := _folder()) is None:
        return
    try:
        with _locked(folder):
            good = _kept(folder, Copy(shard, epoch, tuple(turning.all_of(shard))))
    except (OSError, ValueError) as error:
        raise Unavailable("the keyring's copies cannot be written") from error
    if not good:
        raise Unavailable("a copy of the keyring does not read back")


def _kept(folder: Path, copy: Copy) -> bool:
    """Whether the copy, or a newer one that another rotation wrote, stands."""
    path = _path(folder, copy.shard)
    if path.exists() and _read(path).epoch > copy.epoch:
        return True
    _write(path, copy)
    return _read(path) == copy


def kept() -> Iterator[Copy]:
    """The tenant's copies."""
    folder = _folder()
    for path in sorted((folder / str(current_tenant())).glob("*.json")) if folder else ():
        yield _read(path)


def apply() -> int:
    """After a restore: bring shards that have rotated since to where their copies are; returns how many. What a copy
    does not have was destroyed. Idempotent."""
    older = [copy for copy in kept() if copy.epoch > turning.epoch_of(copy.shard)]
    for copy in older:
        turning.bring_forward(copy.shard, copy.epoch, copy.keys)
        missing = {key.id for key in copy.keys} - {key.id for key in turning.all_of(copy.shard)}
        rows.insert([key for key in copy.keys if key.id in missing], confirmed=True)
    return len(older)


def _folder() -> Path | None:
    scheme, _, place = settings.KEYRING_COPIES.partition(":")
    if settings.KEYRING_COPIES and (scheme != "file" or not place):
        raise ImproperlyConfigured("KEYRING_COPIES is file:PATH")
    return Path(place) if place else None


def _path(folder: Path, shard: int) -> Path:
    return folder / str(current_tenant()) / f"{shard}.json"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The tenant's copies, for one writer at a time."""
    place = folder / str(current_tenant())
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(place / ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path: Path, copy: Copy) -> None:
    """Durable at return."""
    draft = path.with_suffix(".draft")
    with open(draft, "w", encoding="ascii") as file:
        json.dump({"shard": copy.shard, "epoch": copy.epoch, "keys": [_told(key) for key in copy.keys]}, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _told(key: Row) -> list[object]:
    return [str(key.id), key.purpose, key.epoch, [str(subject) for subject in key.subjects], key.wrapped.hex()]


def _read(path: Path) -> Copy:
    found = json.loads(path.read_text(encoding="ascii"))
    shard = int(found["shard"])
    keys = [
        Row(UUID(key), shard, purpose, epoch, tuple(map(UUID, subjects)), bytes.fromhex(wrapped))
        for key, purpose, epoch, subjects, wrapped in found["keys"]
    ]
    return Copy(shard, int(found["epoch"]), tuple(keys))

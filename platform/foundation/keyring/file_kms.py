"""The file KMS: one file of epoch keys per tenant, in a folder outside every database.

Every call looks whether the file was replaced (2 µs), so an epoch key that another process destroyed cannot be used
again, not even for the length of a cache; and what was read is dropped after 20 s, whether or not a call comes. See
`durable` for how a file is replaced and shredded.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from foundation.kernel.problems import Integrity
from foundation.keyring import durable
from foundation.keyring.cache import ShortLived
from foundation.keyring.kms import Assurance, EpochGone, EpochUnknown, KmsDown
from foundation.keyring.sealing import Sealer, new_key

_FORMAT = 1


@dataclass(slots=True)
class Shard:
    """The epoch keys of one shard: the highest number ever issued, and the keys that live."""

    issued: int = 0
    live: dict[int, bytes] = field(default_factory=dict)


Shards = dict[int, Shard]
Stamp = tuple[int, int, int, int]

# A file replaced twice within the clock's grain could look the same: nothing so young is trusted unread.
_GRAIN_SECONDS = 0.1


class FileKms:
    """Epoch keys in files under `place` (mode 0700, files 0600)."""

    assurance = Assurance.A2

    def __init__(self, place: str) -> None:
        self._folder = Path(place).absolute()
        self._read_files: ShortLived[UUID, tuple[Stamp, Shards]] = ShortLived(256)

    def create_epoch(self, tenant: UUID, shard: int, epoch: int) -> None:
        with self._changing(tenant) as path:
            shards = _read(path)
            held = shards.setdefault(shard, Shard())
            if epoch in held.live:
                return
            if epoch <= held.issued:
                raise EpochGone
            held.issued, held.live[epoch] = epoch, new_key()
            durable.replace(path, _encode(shards))

    def destroy_epoch(self, tenant: UUID, shard: int, epoch: int) -> None:
        with self._changing(tenant) as path:
            shards = _read(path)
            if shards.get(shard, Shard()).live.pop(epoch, None) is not None:
                durable.replace(path, _encode(shards))

    def epochs(self, tenant: UUID, shard: int) -> frozenset[int]:
        # Under the changing lock, which first destroys leftovers: what is not listed here lies in no file.
        with self._changing(tenant) as path:
            return frozenset(_read(path).get(shard, Shard()).live)

    def wrap(
        self, tenant: UUID, shard: int, epoch: int, secrets: Sequence[bytes], contexts: Sequence[bytes]
    ) -> list[bytes]:
        sealer, place = self._sealer(tenant, shard, epoch), _place(tenant, shard, epoch)
        return [sealer.seal(place + c, s) for s, c in zip(secrets, contexts, strict=True)]

    def unwrap(
        self, tenant: UUID, shard: int, epoch: int, wrapped: Sequence[bytes], contexts: Sequence[bytes]
    ) -> list[bytes]:
        sealer, place = self._sealer(tenant, shard, epoch), _place(tenant, shard, epoch)
        return [sealer.open(place + c, w) for w, c in zip(wrapped, contexts, strict=True)]

    def _sealer(self, tenant: UUID, shard: int, epoch: int) -> Sealer:
        held = self._shards(tenant).get(shard, Shard())
        if epoch in held.live:
            return Sealer(held.live[epoch])
        if epoch <= held.issued:
            raise EpochGone
        raise EpochUnknown

    def _shards(self, tenant: UUID) -> Shards:
        """The tenant's file as it is now; read only if it is not the one read before."""
        stamp, known = _stamp(f"{self._folder}/{tenant}.epochs"), self._read_files.one(tenant)
        if stamp and known and known[0] == stamp:
            return known[1]
        read_at = self._read_files.clock()
        with self._locked(tenant, shared=True) as path:
            stamp, shards = _stamp(path), _read(path)
        if stamp and stamp[1] / 1e9 < time.time() - _GRAIN_SECONDS:
            self._read_files.put({tenant: (stamp, shards)}, read_at=read_at)
        return shards

    @contextmanager
    def _changing(self, tenant: UUID) -> Iterator[Path]:
        with self._locked(tenant) as path:
            durable.tidy(path)
            yield path

    @contextmanager
    def _locked(self, tenant: UUID, *, shared: bool = False) -> Iterator[Path]:
        try:
            folder = durable.private_folder(self._folder)
            with durable.locked(folder / f"{tenant}.lock", shared=shared):
                yield folder / f"{tenant}.epochs"
        except OSError as error:
            raise KmsDown from error


def _stamp(path: Path | str) -> Stamp | None:
    """What changes when the file is replaced; None without a file."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _place(tenant: UUID, shard: int, epoch: int) -> bytes:
    """What every wrap is bound to; fixed length, so that it cannot run into the context after it."""
    return tenant.bytes + shard.to_bytes(4, "big") + epoch.to_bytes(8, "big")


def _encode(shards: Shards) -> bytes:
    body = json.dumps(
        {
            str(number): {"issued": shard.issued, "live": {str(e): key.hex() for e, key in shard.live.items()}}
            for number, shard in shards.items()
        }
    )
    return json.dumps({"format": _FORMAT, "shards": body, "sum": _sum(body)}).encode()


def _read(path: Path) -> Shards:
    """The tenant's epoch keys; empty without a file. Raises `Integrity` for a file that has rotted, before anything
    could be wrapped under a key that has."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return {}
    try:
        file = json.loads(raw)
        if file["format"] != _FORMAT or file["sum"] != _sum(file["shards"]):
            raise ValueError
        return {int(number): _shard(shard) for number, shard in json.loads(file["shards"]).items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Integrity("the tenant's key file is damaged") from None


def _shard(raw: dict[str, dict[str, str]]) -> Shard:
    return Shard(int(raw["issued"]), {int(e): bytes.fromhex(key) for e, key in raw["live"].items()})  # type: ignore[call-overload]


def _sum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()

"""The file KMS: one file of epoch keys per tenant, in a folder outside every database.

Every call reads the file anew (about 50 µs): no epoch key is kept in a process, so one that another process destroyed
cannot be used again, not even for the length of a cache. See `durable` for how a file is replaced and shredded.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from foundation.kernel.problems import Integrity
from foundation.keyring import durable
from foundation.keyring.kms import Assurance, EpochGone, EpochUnknown, KmsDown
from foundation.keyring.sealing import Sealer, new_key

_FORMAT = 1


@dataclass(slots=True)
class Shard:
    """The epoch keys of one shard: the highest number ever issued, and the keys that live."""

    issued: int = 0
    live: dict[int, bytes] = field(default_factory=dict)


Shards = dict[int, Shard]


class FileKms:
    """Epoch keys in files under `place` (mode 0700, files 0600)."""

    assurance = Assurance.A2

    def __init__(self, place: str) -> None:
        self._folder = Path(place).absolute()

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
        with self._locked(tenant, shared=True) as path:
            held = _read(path).get(shard, Shard())
        if epoch in held.live:
            return Sealer(held.live[epoch])
        if epoch <= held.issued:
            raise EpochGone
        raise EpochUnknown

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

"""The header's authenticator: what a database's administrator must not be able to change unseen."""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

from foundation.kernel.canonical import canonical
from foundation.kernel.problems import Integrity
from foundation.keyring import keys
from governance.models import MemCube

ELEMENT_SIZE = 16


def element(cube: MemCube) -> bytes:
    """HMAC-SHA256, cut to 16 bytes, of the whole header under the tenant's integrity key: the manifest's element."""
    return _mac(keys.named("integrity"), cube)


def verify(cubes: Iterable[MemCube]) -> None:
    """Raises `Integrity` unless each header is the one that was written."""
    key = keys.named("integrity")
    if not all(hmac.compare_digest(_mac(key, cube), bytes(cube.mac)) for cube in cubes):
        raise Integrity


def _mac(key: bytes, cube: MemCube) -> bytes:
    return hmac.digest(key, _canonical(cube), hashlib.sha256)[:ELEMENT_SIZE]


def millis(at: datetime | None) -> int | None:
    """Unix milliseconds, as signed and sealed values carry time."""
    return None if at is None else round(at.timestamp() * 1000)


def _canonical(cube: MemCube) -> bytes:
    return canonical(
        [
            cube.tenant_id,
            cube.id,
            cube.space_id,
            cube.owner_id,
            cube.kind,
            cube.payload_type,
            cube.rev,
            cube.state,
            cube.version,
            sorted(cube.labels),
            sorted(map(str, cube.subject_ids)),
            None if cube.ttl is None else int(cube.ttl.total_seconds()),
            millis(cube.expires_at),
            millis(cube.erase_at),
            millis(cube.created_at),
            cube.frozen,
        ]
    )

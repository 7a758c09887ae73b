"""Sealed payloads: one JSON document per version, bound by its AAD to the place where it stands."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any
from uuid import UUID

import numpy as np

from foundation.kernel.canonical import canonical
from foundation.keyring import keys
from foundation.keyring.sealing import open_sealed, seal
from foundation.search.index import pack, unpack
from governance.headers import millis
from governance.models import MemCube, Version

Parent = tuple[UUID, int]
Span = dict[str, Any]
"""One redaction as it is kept: type, path, start, end, action; `value`, where the vault has one, is how it is found."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a memory came from. `source`, `actor`, `session`, `speaker` are the caller's own words."""

    source: str
    source_type: str = "conversation"
    actor: str | None = None
    session: str | None = None
    position: int | None = None
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """What a version keeps, all of it sealed. `path` is the guard's reading of it, `redactions` what was hidden."""

    content: str
    provenance: Provenance
    episode: dict[str, str] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    path: dict[str, Any] | None = None
    redactions: list[Span] = field(default_factory=list)
    reason: str | None = None

    def to_bytes(self) -> bytes:
        data = {each.name: getattr(self, each.name) for each in fields(self)}  # `asdict` would copy all of it
        data["provenance"] = asdict(self.provenance)
        return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Payload":
        told = json.loads(data)
        return cls(**told | {"provenance": Provenance(**told["provenance"])})


def place(cube: MemCube, version: Version, parents: Sequence[Parent], part: str) -> bytes:
    """The AAD: everything about a version's place that never changes. `part` tells its sealed columns apart."""
    return canonical(
        [
            part,
            cube.tenant_id,
            cube.space_id,
            cube.id,
            version.id,
            version.number,
            cube.kind,
            cube.payload_type,
            sorted(map(str, cube.subject_ids)),
            [_hex(key) for key in (version.source_key, version.actor_key, version.session_key)],
            sorted([str(parent), number] for parent, number in parents),
            *(millis(at) for at in (version.valid_from, version.valid_to, version.recorded_at)),
            version.position,
            version.principal_id,
            version.act,
            version.reverts_to,
            version.generation,
        ]
    )


def seal_version(
    cube: MemCube,
    version: Version,
    secret: bytes,
    payload: Payload,
    embedding: np.ndarray | None,
    parents: Sequence[Parent],
) -> None:
    """Fill the version's sealed columns (`embedding`: float32 unit vector, kept as float16)."""
    version.sealed = seal(secret, place(cube, version, parents, "payload"), payload.to_bytes())
    if embedding is not None:
        data = pack(embedding)
        version.sealed_embedding = seal(secret, place(cube, version, parents, "embedding"), data)


def open_version(cube: MemCube, version: Version, secret: bytes, parents: Sequence[Parent]) -> Payload:
    """The payload; raises `Integrity` if anything about it or its place was changed."""
    return Payload.from_bytes(open_sealed(secret, place(cube, version, parents, "payload"), bytes(version.sealed)))


def open_embedding(cube: MemCube, version: Version, secret: bytes, parents: Sequence[Parent]) -> np.ndarray | None:
    """The embedding as float32, or None where the version has none; raises `Integrity`."""
    if version.sealed_embedding is None:
        return None
    data = open_sealed(secret, place(cube, version, parents, "embedding"), bytes(version.sealed_embedding))
    return unpack(data)


def lookup(kind: str, text: str, size: int = 16) -> bytes:
    """A keyed hash by which rows are found without keeping `text` (kinds: source, actor, session, subject)."""
    return hmac.digest(keys.named("lookup"), f"{kind}\0{text}".encode(), hashlib.sha256)[:size]


def seal_text(secret: bytes, place_of: str, text: str | None) -> bytes | None:
    """Seal a reason or a name beside its row; `place_of` is "<table>:<id>:<column>"."""
    return None if text is None else seal(secret, place_of.encode(), text.encode())


def open_text(secret: bytes, place_of: str, sealed: bytes | memoryview | None) -> str | None:
    return None if sealed is None else open_sealed(secret, place_of.encode(), bytes(sealed)).decode()


def _hex(key: bytes | memoryview | None) -> str | None:
    return None if key is None else bytes(key).hex()

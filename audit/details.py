"""What belongs to an event but may not stand in the log, sealed: opaque details under a tenant key, the query's text
under the key of its day, which is destroyed after 30 days.

`commit` binds the event to both without showing either: HMAC(r, detail), where r lies inside the sealed detail and the
detail names HMAC(q, query), where q lies inside the sealed query and dies with it.
"""

from __future__ import annotations

import hmac
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from audit.event import commitment
from audit.notes import b64
from foundation.kernel.canonical import canonical
from foundation.kernel.problems import Integrity
from foundation.keyring import keys
from foundation.keyring.sealing import open_sealed
from foundation.keyring.sealing import seal as seal_bytes

_NONCE = 32


@dataclass(frozen=True, slots=True)
class Sealed:
    """The sealed parts and what the event says of them."""

    detail: bytes
    query: bytes | None
    commit: bytes


def seal(tenant: UUID, event_id: UUID, at: datetime, detail: dict[str, Any], query: str | None) -> Sealed:
    """Seal an event's detail and query text."""
    sealed_query, query_commit = None, None
    if query is not None:
        nonce, text = os.urandom(_NONCE), query.encode()
        query_commit = b64(commitment(nonce, text))
        sealed_query = seal_bytes(_day_key(at), _aad("query", tenant, event_id), nonce + text)
    nonce, body = os.urandom(_NONCE), canonical({"detail": detail, "query": query_commit})
    sealed = seal_bytes(_key(), _aad("detail", tenant, event_id), nonce + body)
    return Sealed(sealed, sealed_query, commitment(nonce, body))


def open_detail(tenant: UUID, event_id: UUID, commit: bytes, sealed: bytes) -> dict[str, Any]:
    """The detail; raises `Integrity` unless it is the one the event commits to."""
    return _open(tenant, event_id, commit, sealed)["detail"]  # type: ignore[no-any-return]


def open_query(tenant: UUID, event_id: UUID, at: datetime, commit: bytes, detail: bytes, query: bytes) -> str:
    """The query's text; raises `Erased` once its day's key is gone, `Integrity` if it is not what was asked."""
    opened = open_sealed(_day_key(at), _aad("query", tenant, event_id), query)
    text = opened[_NONCE:]
    expected = str(_open(tenant, event_id, commit, detail)["query"])
    if not hmac.compare_digest(b64(commitment(opened[:_NONCE], text)), expected):
        raise Integrity("a query is not the one its event commits to")
    return text.decode()


def _open(tenant: UUID, event_id: UUID, commit: bytes, sealed: bytes) -> dict[str, Any]:
    opened = open_sealed(_key(), _aad("detail", tenant, event_id), sealed)
    nonce, body = opened[:_NONCE], opened[_NONCE:]
    if not hmac.compare_digest(commitment(nonce, body), commit):
        raise Integrity("a detail is not the one its event commits to")
    return json.loads(body)  # type: ignore[no-any-return]


def _aad(part: str, tenant: UUID, event_id: UUID) -> bytes:
    return canonical(["audit", part, str(tenant), str(event_id)])


def _key() -> bytes:
    return keys.named("receipt")


def _day_key(at: datetime) -> bytes:
    return keys.named("query-day", at.astimezone(UTC).date().isoformat())

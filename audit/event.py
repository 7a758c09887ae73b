"""An audit event: canonical JSON of opaque ids, enumerations and integers. Its exact bytes are the leaf of the log.

Nothing readable stands in it: what an auditor may need beside it is the *detail*, kept sealed, to which `commit` binds
the event: HMAC-SHA256(r, detail) with 32 random bytes r that are kept inside the sealed detail.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.merkle import leaf_hash
from audit.notes import NoteError, b64, unb64
from foundation.kernel.canonical import canonical

LIMIT = 4096
"""Bytes of one event at most."""
MOST_CHANGES = 24
ELEMENT = 16
"""Bytes of a manifest element: the MAC of a memory's header."""

_OPAQUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,63}")
_FIELDS = frozenset(
    ("v", "id", "tenant", "ts", "act", "actor", "target", "outcome", "policy", "changes", "commit"),
)


class EventError(ValueError):
    """Not an event of this log."""


@dataclass(frozen=True, slots=True)
class Target:
    """What was acted on."""

    kind: str
    id: UUID
    version: int | None = None

    def __post_init__(self) -> None:
        _opaque(self.kind)


@dataclass(frozen=True, slots=True)
class Change:
    """A manifest delta: memory `id` had element `old`, now has `new`; None = not there (before first, after last)."""

    id: UUID
    old: bytes | None
    new: bytes | None

    def __post_init__(self) -> None:
        if any(element is not None and len(element) != ELEMENT for element in (self.old, self.new)):
            raise EventError("a manifest element is 16 bytes")
        if self.old == self.new or not any(self.new or b"\x01"):
            raise EventError("a change must change something, and not to zeroes")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted: a principal's kind and id."""

    kind: str
    id: UUID


@dataclass(frozen=True, slots=True)
class Event:
    """One act of one principal in one tenant; `ts` in Unix milliseconds; `policy` names what decided."""

    id: UUID
    tenant: UUID
    ts: int
    act: Act
    actor: Actor
    target: Target | None
    outcome: str
    policy: str
    changes: tuple[Change, ...]
    commit: bytes

    def __post_init__(self) -> None:
        for word in (self.outcome, self.policy, self.actor.kind):
            _opaque(word)
        if len(self.changes) > MOST_CHANGES:
            raise EventError(f"more than {MOST_CHANGES} changes: write several events")

    def entry(self) -> bytes:
        """The canonical bytes; raises `EventError` above `LIMIT`."""
        data = canonical(self._fields())
        if len(data) > LIMIT:
            raise EventError("the event is too large")
        return data

    def leaf_hash(self) -> bytes:
        return leaf_hash(self.entry())

    def _fields(self) -> dict[str, Any]:
        target = self.target and {"kind": self.target.kind, "id": str(self.target.id), "version": self.target.version}
        return {
            "v": 1,
            "id": str(self.id),
            "tenant": str(self.tenant),
            "ts": self.ts,
            "act": self.act.value,
            "actor": {"kind": self.actor.kind, "id": str(self.actor.id)},
            "target": target,
            "outcome": self.outcome,
            "policy": self.policy,
            "changes": [[str(change.id), _hex(change.old), _hex(change.new)] for change in self.changes],
            "commit": b64(self.commit),
        }


def parse(entry: bytes) -> Event:
    """The event in a leaf's bytes; raises `EventError` unless they are exactly its canonical form."""
    try:
        fields = json.loads(entry)
        if set(fields) != _FIELDS or fields["v"] != 1:
            raise EventError("not an event of version 1")
        event = _build(fields)
    except (KeyError, TypeError, ValueError, AttributeError, NoteError) as error:
        raise EventError("not an event") from error
    if event.entry() != entry:
        raise EventError("the event is not in canonical form")
    return event


def commitment(key: bytes, detail: bytes) -> bytes:
    """HMAC-SHA256(r, detail)."""
    return hmac.digest(key, detail, "sha256")


def _build(fields: Mapping[str, Any]) -> Event:
    target = fields["target"]
    if not all(
        type(number) is int for number in (fields["ts"], target["version"] if target else 0) if number is not None
    ):
        raise EventError("not an integer")
    return Event(
        id=UUID(fields["id"]),
        tenant=UUID(fields["tenant"]),
        ts=fields["ts"],
        act=Act(fields["act"]),
        actor=Actor(fields["actor"]["kind"], UUID(fields["actor"]["id"])),
        target=target and Target(target["kind"], UUID(target["id"]), target["version"]),
        outcome=fields["outcome"],
        policy=fields["policy"],
        changes=tuple(Change(UUID(i), _unhex(old), _unhex(new)) for i, old, new in fields["changes"]),
        commit=unb64(fields["commit"]),
    )


def _opaque(word: str) -> None:
    if not _OPAQUE.fullmatch(word):
        raise EventError("only short opaque words stand in an event")


def _hex(element: bytes | None) -> str | None:
    return None if element is None else element.hex()


def _unhex(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)

"""Export what is kept of one person (GDPR article 15): every version, where it came from, who was given it; signed.

The answer is lines of JSON: a head, a line for each record, and a signed end that holds the hash of all lines before
it. It is made while it is sent and stands nowhere. Form and check: `audit.evidence.verify_export`.

Values stand in the places of their tokens where the person alone owns the identifier. What another subject owns stays a
token, and so do names of people who are nobody's subject in a record about several.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.evidence import EXPORT
from audit.selectors import Filter, events
from audit.services.certify import certify
from audit.services.record import Target, record
from foundation.kernel.clock import now, rfc3339
from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Erased, NotFound, PolicyDenied
from foundation.kernel.scope import tenant_scope, tenant_transaction
from governance import opening, revealing
from governance.models import MemCube, Retrieval, RetrievalHit, State, Subject, SubjectLink, Version
from governance.opening import Memory, Row
from governance.revealing import Revelation
from governance.subjects import name_of
from guard.pii import vault
from guard.pii.entities import Entity
from guard.pii.policy import Action, PiiPolicy
from tenants.policy import labels_allow, may, reachable_spaces
from tenants.roles import ACTS, POLICY

BATCH = 20
"""Records that are read, opened and sent together; each batch is one event that names them."""
MOST_READS = 1000
"""The newest reads of one record that are told, of each sort."""


def export_subject(principal: Principal, *, subject_id: UUID) -> Iterator[bytes]:
    """The lines, to be sent as they come; each opens the tenant's scope itself. Raises, before the first, `NotFound`,
    `Erased`, and `PolicyDenied` for a credential that does not reach every space: its export would not be whole."""
    may(principal, Act.SUBJECT_EXPORT)
    if reachable_spaces(principal) is not None:
        raise PolicyDenied("An export is of every space: this credential does not reach them all.")
    with tenant_transaction():
        row = Subject.objects.filter(id=subject_id).first()
        if row is None:
            raise NotFound
        if row.erased_at is not None:
            raise Erased
        links = SubjectLink.objects.filter(subject_id=subject_id).order_by("memcube_id")
        ids = list(links.values_list("memcube_id", flat=True))
        record(principal, Act.SUBJECT_EXPORT, target=Target("subject", subject_id), policy=POLICY, outcome="begun")
    return _Export(principal, subject_id, name_of(row), ids).lines()


class _Export:
    """One export under way: what was sent so far is known by its hash and counts."""

    def __init__(self, principal: Principal, subject_id: UUID, name: str | None, ids: Sequence[UUID]) -> None:
        self.principal, self.subject_id, self.name, self.ids = principal, subject_id, name, ids
        self.id, self.hash, self.sent = uuid7(), hashlib.sha256(), 0
        self.records, self.versions, self.withheld = 0, 0, 0
        self.events: list[str] = []

    def lines(self) -> Iterator[bytes]:
        yield self._line(self._head())
        for start in range(0, len(self.ids), BATCH):
            with tenant_scope(self.principal.tenant_id):
                batch = self._batch(self.ids[start : start + BATCH])
            yield from map(self._line, batch)
        with tenant_scope(self.principal.tenant_id):
            end = self._end()
        yield _written(end)

    def _line(self, body: dict[str, Any]) -> bytes:
        line = _written(body)
        self.hash.update(line)
        self.sent += 1
        return line

    def _head(self) -> dict[str, Any]:
        told = {"type": EXPORT, "v": 1, "id": self.id, "tenant_id": self.principal.tenant_id, "at": rfc3339(now())}
        return told | {"subject": self.subject_id, "external_id": self.name}

    def _end(self) -> dict[str, Any]:
        counts = {"records": self.records, "versions": self.versions, "withheld": self.withheld}
        with tenant_transaction():
            target = Target("subject", self.subject_id)
            event = record(self.principal, Act.SUBJECT_EXPORT, target=target, policy=POLICY, detail=counts)
        body = {
            "type": EXPORT,
            "v": 1,
            "id": str(self.id),
            "tenant_id": str(self.principal.tenant_id),
            "subject": str(self.subject_id),
            "ended_at": rfc3339(now()),
            "lines": self.sent,
            "sha256": self.hash.hexdigest(),
            "events": [*self.events, str(event.id)],
        }
        return certify(body | counts, [])

    def _batch(self, ids: Sequence[UUID]) -> list[dict[str, Any]]:
        with tenant_transaction(snapshot=True):
            cubes = self._allowed(ids)
            numbers = Version.objects.filter(memcube_id__in=cubes).order_by("memcube_id", "number")
            rows = opening.rows(numbers.values_list("memcube_id", "number"))
            told = self._own(rows)
            read = {cube_id: _reads(cube_id) for cube_id in cubes}
            returned = [[str(row.cube.id), row.version.number] for row in rows]
            target, detail = Target("subject", self.subject_id), {"returned": returned} | told.detail()
            event = record(
                self.principal, Act.SUBJECT_EXPORT, target=target, policy=POLICY, outcome="part", detail=detail
            )
        self.events.append(str(event.id))
        return self._told(opening.unseal_existing(rows, told), read)

    def _allowed(self, ids: Sequence[UUID]) -> list[UUID]:
        """Those that are not being destroyed, whose labels let the asker see them, and that name nobody else."""
        cubes = list(MemCube.objects.filter(id__in=ids, frozen=False).exclude(state=State.FORGOTTEN).order_by("id"))
        policies = revealing.policies_of(cube.space_id for cube in cubes)
        allowed = [cube for cube in cubes if labels_allow(self.principal, cube.labels)]
        seen = [cube.id for cube in allowed if not _names_others(cube, policies[cube.space_id])]
        self.withheld += len(cubes) - len(seen)
        return seen

    def _own(self, rows: Sequence[Row]) -> Revelation:
        """The values that this person alone owns, and in records about nobody else what is nobody's own; none for who
        may reveal nothing."""
        if self.principal.role not in ACTS[Act.MEMORY_REVEAL]:
            return revealing.NOTHING
        alone = {row.version.id for row in rows if set(row.cube.subject_ids) == {self.subject_id}}
        found = vault.entrusted([row.version.id for row in rows])
        return revealing.of(vault.owned_by(found, self.subject_id, or_unowned=alone))

    def _told(self, opened: Sequence[Memory], read: dict[UUID, list[dict[str, Any]]]) -> list[dict[str, Any]]:
        by_record: dict[UUID, list[Memory]] = defaultdict(list)
        for each in opened:
            by_record[each.cube.id].append(each)
        self.records += len(by_record)
        self.versions += len(opened)
        return [_record(versions) | {"reads": read[cube_id]} for cube_id, versions in by_record.items()]


def _names_others(cube: MemCube, policy: PiiPolicy) -> bool:
    """Whether it is about several people, in a space where names are not replaced."""
    return len(cube.subject_ids) > 1 and policy.action(Entity.PERSON, "/content") is Action.KEEP


def _record(versions: Sequence[Memory]) -> dict[str, Any]:
    cube = versions[0].cube
    return {
        "record": cube.id,
        "space": cube.space_id,
        "kind": cube.kind,
        "state": cube.state,
        "version": cube.version,
        "labels": cube.labels,
        "created_at": rfc3339(cube.created_at),
        "expires_at": rfc3339(cube.expires_at),
        "other_subjects": len(cube.subject_ids) - 1,
        "versions": [_version(each) for each in versions],
    }


def _version(opened: Memory) -> dict[str, Any]:
    row, seen = opened.version, opened.seen
    source = seen.provenance
    return {
        "version": row.number,
        "content": seen.content,
        "metadata": seen.metadata,
        "episode": seen.episode,
        "valid_from": rfc3339(row.valid_from),
        "valid_to": rfc3339(row.valid_to),
        "recorded_at": rfc3339(row.recorded_at),
        "act": row.act,
        "provenance": {
            "source": source.source,
            "source_type": source.source_type,
            "actor": source.actor,
            "principal_id": row.principal_id,
            "session": source.session,
            "position": source.position,
            "speaker": source.speaker,
            "parents": [[parent, number] for parent, number in opened.parents],
        },
    }


def _reads(cube_id: UUID) -> list[dict[str, Any]]:
    """Who was given the record: by searches, and by its id (inside a transaction)."""
    hits = RetrievalHit.objects.filter(memcube_id=cube_id).order_by("-id")[:MOST_READS]
    versions = {hit.retrieval_id: hit.version for hit in hits}
    searches = Retrieval.objects.filter(id__in=list(versions)).order_by("id")
    found = [_read("search", each.principal_id, rfc3339(each.at), versions[each.id]) for each in searches]
    looks = events(Filter(act=Act.MEMORY_READ, target=cube_id), before=None, limit=MOST_READS)
    for each in reversed(looks):
        version = each.event.target.version if each.event.target else None
        found.append(_read("read", each.event.actor.id, _moment(each.event.ts), version))
    return found


def _read(how: str, by: UUID, at: str | None, version: int | None) -> dict[str, Any]:
    return {"how": how, "by": by, "at": at, "version": version}


def _moment(millis: int) -> str | None:
    return rfc3339(datetime.fromtimestamp(millis / 1000, UTC))


def _written(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str).encode() + b"\n"

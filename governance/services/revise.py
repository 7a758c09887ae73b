"""Revise a memory: content, metadata and valid times make a version (judged like a new memory); labels and ttl a
revision of the header."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal
from foundation.kernel.problems import NotFound, PiiBlocked, Rejected, VersionConflict
from foundation.kernel.rows import insert
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.rest.etags import etag, require_match
from foundation.telemetry import Name
from governance import lifecycle, opening, revealing
from governance.crediting import credit
from governance.drafting import (
    decision_shown,
    draft_admission,
    draft_version,
    holding,
    link_parents,
    owe_retirement,
    seal_draft,
    version_key,
    written,
)
from governance.judging import Judged, judge_many
from governance.lessons import note_revision
from governance.measured import changes
from governance.models import Admission, Kind, MemCube, Version
from governance.opening import Memory, Shown, decision_of
from governance.revealing import Revelation
from governance.sealed import Payload
from governance.selectors import reach_cube, reach_space
from governance.services.ask_judge import owe_opinions
from governance.submissions import Submission
from governance.waiting import owe_judgement
from guard.pii import vault
from guard.pii.entities import Entity
from guard.selectors import pii_policy
from guard.types import Decision

VERSIONED = frozenset({"content", "metadata", "valid_from", "valid_to"})


@dataclass(frozen=True, slots=True)
class Revision:
    """What a caller changes, field by field (absent: unchanged), and the If-Match it was made against."""

    if_match: str
    changes: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None

    @property
    def makes_version(self) -> bool:
        return bool(VERSIONED & self.changes.keys())


@dataclass(frozen=True, slots=True)
class Current:
    """The version that is revised, the values it uses by how its spans name them, and what the caller may see."""

    memory: Memory
    values: dict[str, str] = field(repr=False)
    told: Revelation

    @property
    def known(self) -> dict[str, Entity]:
        """The values as the PII pass is told of them: they are personal data wherever the new text has them."""
        spans = [span for span in self.memory.payload.redactions if span.get("value") in self.values]
        return {self.values[span["value"]]: Entity(span["type"]) for span in spans}


@changes(Name.UPDATE)
def revise(principal: Principal, *, memory_id: UUID, revision: Revision) -> Shown:
    """The memory after the revision; when the new version is held, the old one stays served. Raises
    `VersionConflict`, `Rejected`, `PiiBlocked` or what reaching the record raises."""
    current = _current(principal, memory_id, revision)
    if not revision.makes_version:
        return _relabel(principal, current, revision)
    return _admit_version(principal, current, revision)


def _admit_version(principal: Principal, current: Current, revision: Revision) -> Shown:
    """Judge the revised memory as the next version and write it, held or served."""
    cube = current.memory.cube
    space = reach_space(principal, cube.space_id, Act.MEMORY_REVISE)
    about = [tuple(cube.subject_ids)]
    part = _revised(current, revision)
    policy = pii_policy(space.pii_policy_id)
    judged = judge_many(principal, policy=policy, submissions=[part], subject_ids=about, known=current.known)[0]
    if isinstance(judged, PiiBlocked):
        raise judged
    if judged.verdict.decision is Decision.REJECT:
        raise _rejected(principal, cube, judged)
    if judged.uncleared:  # what it kept stands in tokens, as it stood
        judged = replace(judged, submission=submission_of(current.memory, **_versioned(revision)))
    return _write(principal, current, judged, revision)


def submission_of(memory: Memory, payload: Payload | None = None, **changes: Any) -> Submission:
    """A memory's present payload (or another in its place) as a submission, with changes."""
    payload, cube, version = payload or memory.payload, memory.cube, memory.version
    part = Submission(
        space_id=cube.space_id,
        content=payload.content,
        provenance=payload.provenance,
        kind=Kind(cube.kind),
        parents=memory.parents,
        episode=payload.episode,
        labels=tuple(cube.labels),
        valid_from=version.valid_from,
        valid_to=version.valid_to,
        ttl=cube.ttl,
        metadata=payload.metadata,
        revises=True,
    )
    return replace(part, **changes)


def _current(principal: Principal, memory_id: UUID, revision: Revision) -> Current:
    with tenant_transaction(snapshot=True):
        cube = reach_cube(principal, MemCube.objects.filter(id=memory_id).first(), Act.MEMORY_REVISE)
        require_match(revision.if_match, etag(cube.version, cube.rev))
        found = opening.rows([(memory_id, None)])
        told, whole = opening.ask(principal, found), revealing.whole(row.version for row in found)
    memory = opening.unseal(found, told)[0]
    return Current(memory, whole.values(memory.version.id, keys.open_many(whole.key_ids)), told)


def _revised(current: Current, revision: Revision) -> Submission:
    """The whole memory with its values in their places, so that what is kept is cleared anew like what is changed; a
    token that a caller kept where it stood is that value, not a word."""
    stored = current.memory.payload
    changes = revealing.retyped(_versioned(revision), stored, current.values)
    return submission_of(current.memory, revealing.with_values(stored, current.values), **changes)


def _versioned(revision: Revision) -> dict[str, Any]:
    changes = {name: value for name, value in revision.changes.items() if name in VERSIONED}
    return {"reason": revision.reason, **changes}


def _locked(principal: Principal, memory_id: UUID, revision: Revision) -> MemCube:
    cube = lifecycle.lock(memory_id)
    if cube is None:
        raise NotFound
    reach_cube(principal, cube, Act.MEMORY_REVISE)
    require_match(revision.if_match, etag(cube.version, cube.rev))
    return cube


def _header_changes(revision: Revision, at: datetime) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if "labels" in revision.changes:
        changes["labels"] = sorted(set(revision.changes["labels"]))
    if "ttl" in revision.changes:
        ttl: timedelta | None = revision.changes["ttl"]
        changes |= {"ttl": ttl, "expires_at": lifecycle.expiry(at, ttl)}
    return changes


def _relabel(principal: Principal, current: Current, revision: Revision) -> Shown:
    memory = current.memory
    secret = keys.open_one(memory.version.id)
    with tenant_transaction():
        cube = _locked(principal, memory.cube.id, revision)
        change = lifecycle.change(cube, act=Act.MEMORY_RELABEL, principal=principal, **_header_changes(revision, now()))
        owe_retirement(cube)
        target, detail = Target("memory", cube.id, cube.version), current.told.detail()
        event = record(principal, Act.MEMORY_RELABEL, target=target, detail=detail, changes=[change])
        enqueue("search.index", {"id": str(cube.id)})
        admission = Admission.objects.get(version_id=memory.version.id)
    return Shown(replace(memory, cube=cube), admission, decision_of(admission, secret), receipt(event))


def _write(principal: Principal, current: Current, judged: Judged, revision: Revision) -> Shown:
    memory = current.memory
    at, cube_id = now(), memory.cube.id
    held = judged.verdict.decision is Decision.HOLD
    number = _next_number(cube_id)
    version = draft_version(principal, memory.cube, judged.submission, number=number, at=at, act=Act.MEMORY_REVISE)
    admission = draft_admission(judged, version, at)
    deposit = vault.prepare([holding(memory.cube, version, judged)])
    secrets = keys.create_many([version_key(memory.cube, version), *deposit.new_keys])
    payload = seal_draft(memory.cube, version, admission, judged, secrets[version.id], deposit)
    with tenant_transaction():
        cube = _locked(principal, cube_id, revision)
        if _next_number(cube_id) != number:
            raise VersionConflict
        version.save(force_insert=True)
        deposit.insert(secrets)
        insert(credit([(judged, admission)]), ignore_conflicts=True)
        admission.save(force_insert=True)
        link_parents(version, judged.submission)
        changes = _header_changes(revision, at) | ({} if held else {"version": number})
        act = Act.MEMORY_HOLD if held else Act.MEMORY_REVISE
        deltas = [lifecycle.change(cube, act=act, principal=principal, **changes)] if changes else []
        target, detail = Target("memory", cube_id, number), current.told.detail()
        event = record(principal, act, target=target, detail=detail, changes=deltas)
        enqueue("search.index", {"id": str(cube_id)})
        note_revision(principal, cube, judged, admission.id, number)
        owe_opinions([version.id] if held else [])
        owe_judgement([(judged.verdict.reasons, admission)])
    shown = memory if held else written(principal, cube, version, judged, payload)
    return Shown(replace(shown, cube=cube), admission, judged.record(), receipt(event))


def _next_number(cube_id: UUID) -> int:
    with tenant_transaction():
        newest: int = Version.objects.filter(memcube_id=cube_id).order_by("-number").values_list("number", flat=True)[0]
    return newest + 1


def _rejected(principal: Principal, cube: MemCube, judged: Judged) -> Rejected:
    with tenant_transaction():
        event = record(
            principal,
            Act.MEMORY_REJECT,
            target=Target("memory", cube.id, cube.version),
            outcome="rejected",
            policy=judged.verdict.policy,
        )
        note_revision(principal, cube, judged, event.id, None)
    shown = decision_shown(event.id, judged.record())
    return Rejected("A hard rule refused this revision.", extra={"admission": shown, "receipt": receipt(event)})

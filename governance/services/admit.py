"""Admit memories: judge them, then write what may stay, its key first, in one short transaction."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Change, Target, record
from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.kernel.outbox import enqueue, enqueue_many
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Problem, RateLimited, Rejected
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.keyring.sealing import seal
from foundation.rest import idempotency
from foundation.search.embedders import embedder
from governance import incidents, lifecycle
from governance.crediting import credit
from governance.judging import Judged, judge_many
from governance.lessons import note_drafts
from governance.models import (
    Admission,
    HeaderRevision,
    LineageEdge,
    MemCube,
    PayloadType,
    State,
    SubjectLink,
    Version,
)
from governance.opening import Memory, Shown, verdict_place
from governance.revealing import of_writer
from governance.sealed import Payload, lookup, seal_version
from governance.selectors import check_parents, inherited_subjects, reach_space
from governance.services.ask_judge import owe_opinions
from governance.services.name_subjects import check_subjects, name_subjects
from governance.submissions import Submission
from guard.pii import vault
from guard.pii.vault import Deposit, Holding
from guard.selectors import pii_policy
from guard.types import Decision
from tenants.models import Resource
from tenants.roles import POLICY
from tenants.services.count_usage import count

REVIEW_PAUSE = 3600
"""Seconds after which a writer whose holds are at their cap may hope that some were reviewed."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """One judged submission with the rows that will be written for it."""

    judged: Judged
    cube: MemCube
    version: Version
    admission: Admission

    @property
    def rejected(self) -> bool:
        return self.judged.verdict.decision is Decision.REJECT


def admit(principal: Principal, *, submission: Submission) -> Shown:
    """Admit one memory. Raises `Rejected`, `PiiBlocked`, `QuotaExceeded`, or what the policy door raises."""
    outcome = _admit(principal, [submission], single=True)[0]
    if isinstance(outcome, Problem):
        raise outcome
    return outcome


def admit_many(principal: Principal, *, submissions: Sequence[Submission]) -> list[Shown | Problem]:
    """Admit many, in order; one submission's refusal stands in its place and leaves the others alone."""
    return _admit(principal, submissions, single=False)


def _admit(principal: Principal, submissions: Sequence[Submission], *, single: bool) -> list[Shown | Problem]:
    drafts: dict[int, _Draft | Problem] = {}
    groups: dict[UUID, list[int]] = defaultdict(list)
    for number, submission in enumerate(submissions):
        groups[submission.space_id].append(number)
    for space_id, numbers in groups.items():
        made = _drafts(principal, space_id, [submissions[number] for number in numbers])
        drafts.update(zip(numbers, made, strict=True))
    ordered = _turn_away(principal, [drafts[number] for number in range(len(submissions))])
    return _write(principal, ordered, single=single)


def _turn_away(principal: Principal, drafts: list[_Draft | Problem]) -> list[_Draft | Problem]:
    """What would have to wait for review while its writer's holds are at their cap is not kept."""
    held = [each for each in drafts if isinstance(each, _Draft) and each.admission.state == Admission.State.HELD]
    if not held:
        return drafts
    with tenant_transaction():
        full = incidents.crowded_out(
            [incidents.Waiting(bytes(each.admission.source_key), principal.id) for each in held]
        )
    over = {id(each) for each, is_full in zip(held, full, strict=True) if is_full}
    if not over:
        return drafts
    problem = _crowded(principal, len(over))
    return [problem if id(each) in over else each for each in drafts]


def _crowded(principal: Principal, count: int) -> RateLimited:
    key = incidents.incident_key(f"crowded:{principal.id}")
    with tenant_transaction():
        incident_id = incidents.turn_away(key, count)
        detail = {"incident": str(incident_id), "count": count}
        record(principal, Act.MEMORY_REJECT, outcome="crowded", policy=POLICY, detail=detail)
    told = "Too many memories of this source wait for review already."
    return RateLimited(told, retry_after=REVIEW_PAUSE, extra={"incident_id": str(incident_id)})


def _drafts(principal: Principal, space_id: UUID, parts: Sequence[Submission]) -> list[_Draft | Problem]:
    try:
        with tenant_transaction():
            space = reach_space(principal, space_id, Act.MEMORY_ADMIT)
            policy = pii_policy(space.pii_policy_id)
            refused = check_parents(principal, parts)
    except Problem as problem:
        return [problem] * len(parts)
    allowed = [part for part in parts if id(part) not in refused]
    subjects = _subjects(allowed)
    judged = iter(judge_many(principal, policy=policy, submissions=allowed, subject_ids=subjects))
    outcomes = (refused[id(part)] if id(part) in refused else next(judged) for part in parts)
    return [each if isinstance(each, Problem) else _draft(principal, each) for each in outcomes]


def _subjects(parts: Sequence[Submission]) -> list[tuple[UUID, ...]]:
    """Each submission's subjects: those it names and those of everything it is derived from."""
    named = name_subjects({name for part in parts for name in part.subjects})
    inherited = inherited_subjects(parts)
    return [
        tuple(
            sorted(
                {named[name] for name in part.subjects} | {s for parent, _ in part.parents for s in inherited[parent]}
            )
        )
        for part in parts
    ]


def _draft(principal: Principal, judged: Judged) -> _Draft:
    at, part = now(), judged.submission
    state = State.HELD if judged.verdict.decision is Decision.HOLD else State.ACTIVE
    cube = MemCube(
        id=uuid7(),
        space_id=part.space_id,
        kind=part.kind,
        payload_type=PayloadType.PLAINTEXT,
        owner_id=principal.id,
        subject_ids=list(judged.subject_ids),
        state=state,
        version=1,
        labels=sorted(set(part.labels)),
        ttl=part.ttl,
        expires_at=lifecycle.expiry(at, part.ttl),
        created_at=at,
    )
    version = draft_version(principal, cube, part, number=1, at=at, act=Act.MEMORY_ADMIT)
    return _Draft(judged, cube, version, draft_admission(judged, version, at))


def draft_version(
    principal: Principal, cube: MemCube, part: Submission, *, number: int, at: datetime, act: Act
) -> Version:
    """An unsealed version of `cube` for `part`."""
    provenance = part.provenance
    return Version(
        id=uuid7(),
        memcube_id=cube.id,
        number=number,
        valid_from=part.valid_from,
        valid_to=part.valid_to,
        recorded_at=at,
        principal_id=principal.id,
        act=act,
        source_key=lookup("source", provenance.source),
        actor_key=provenance.actor and lookup("actor", provenance.actor),
        session_key=provenance.session and lookup("session", provenance.session),
        position=provenance.position,
        generation=embedder().name,
    )


def draft_admission(judged: Judged, version: Version, at: datetime) -> Admission:
    held = judged.verdict.decision is Decision.HOLD
    return Admission(
        id=uuid7(),
        memcube_id=version.memcube_id,
        version=version.number,
        version_id=version.id,
        space_id=judged.submission.space_id,
        state=Admission.State.HELD if held else Admission.State.ADMITTED,
        source_key=version.source_key,
        principal_id=version.principal_id,
        held_at=at if held else None,
    )


def payload_of(judged: Judged, references: Sequence[str | None]) -> Payload:
    """What a version keeps. `references`: for each redaction, how the vault finds its value (none: it has none)."""
    part = judged.submission
    path = json.loads(judged.verdict.path.to_json())
    named = zip_longest(judged.redactions, references)
    spans = [span if value is None else span | {"value": value} for span, value in named]
    return Payload(part.content, part.provenance, part.episode, part.metadata, path, spans, part.reason)


def holding(cube: MemCube, version: Version, judged: Judged) -> Holding:
    """What the version brings into the vault."""
    subjects = tuple(cube.subject_ids)
    return Holding(version.id, subjects, subjects[0] if subjects else cube.id, judged.originals)


def version_key(cube: MemCube, version: Version) -> keys.NewKey:
    return keys.NewKey("version", version.id, (cube.subject_ids or [cube.id])[0], cube.subject_ids)


def seal_draft(
    cube: MemCube, version: Version, admission: Admission, judged: Judged, secret: bytes, deposit: Deposit
) -> Payload:
    """Seal the payload, the embedding and the decision record of one version under its key."""
    payload = payload_of(judged, deposit.references_of(version.id))
    seal_version(cube, version, secret, payload, judged.embedding, judged.submission.parents)
    verdict = json.dumps(judged.record()).encode()
    admission.sealed_verdict = seal(secret, verdict_place(admission), verdict)
    return payload


def _write(principal: Principal, drafts: Sequence[_Draft | Problem], *, single: bool) -> list[Shown | Problem]:
    kept = [draft for draft in drafts if isinstance(draft, _Draft) and not draft.rejected]
    deposit = vault.prepare(holding(draft.cube, draft.version, draft.judged) for draft in kept)
    version_keys = [version_key(draft.cube, draft.version) for draft in kept]
    secrets = keys.create_many([*version_keys, *deposit.new_keys])
    payloads = {
        draft.cube.id: seal_draft(
            draft.cube, draft.version, draft.admission, draft.judged, secrets[draft.version.id], deposit
        )
        for draft in kept
    }
    with tenant_transaction():
        events = _insert(principal, kept)
        deposit.insert(secrets)
        refusals = {
            id(draft): _refuse(principal, draft) for draft in drafts if isinstance(draft, _Draft) and draft.rejected
        }
        note_drafts(principal, [draft for draft in drafts if isinstance(draft, _Draft)])
        _complete(drafts, single=single)
    return [_outcome(principal, draft, events, refusals, payloads) for draft in drafts]


def _complete(drafts: Sequence[_Draft | Problem], *, single: bool) -> None:
    """Mark the request's idempotency key done: one memory, or a batch item by item."""
    statuses = [_status(draft) for draft in drafts]
    ids = [draft.cube.id if isinstance(draft, _Draft) else uuid7() for draft in drafts]
    if not single:
        idempotency.complete(ids, 207, statuses=statuses)
    elif statuses[0] < 300:
        idempotency.complete(ids, statuses[0])


def _status(draft: _Draft | Problem) -> int:
    if isinstance(draft, Problem):
        return draft.status
    return {Decision.REJECT: 422, Decision.HOLD: 202, Decision.ADMIT: 201}[draft.judged.verdict.decision]


def _insert(principal: Principal, kept: Sequence[_Draft]) -> dict[UUID, Any]:
    if not kept:
        return {}
    count(principal, Resource.MEMORIES, len(kept))
    births = [lifecycle.begin(draft.cube, act=_act(draft), principal=principal) for draft in kept]
    MemCube.objects.bulk_create(draft.cube for draft in kept)
    HeaderRevision.objects.bulk_create(revision for revision, _ in births)
    Version.objects.bulk_create(draft.version for draft in kept)
    credit([(draft.judged, draft.admission) for draft in kept])
    Admission.objects.bulk_create(draft.admission for draft in kept)
    link_subjects([draft.cube for draft in kept])
    for draft in kept:
        link_parents(draft.version, draft.judged.submission)
        owe_retirement(draft.cube)
    enqueue_many("search.index", [{"id": str(draft.cube.id)} for draft in kept])
    owe_opinions([draft.version.id for draft in kept if draft.admission.state == Admission.State.HELD])
    return {draft.cube.id: _record(principal, draft, change) for draft, (_, change) in zip(kept, births, strict=True)}


def owe_retirement(cube: MemCube) -> None:
    """When its time runs out the record is destroyed."""
    if cube.expires_at is not None:
        enqueue("memory.retire", {"ids": [str(cube.id)]}, due=cube.expires_at, queue="forget")


def link_subjects(cubes: Sequence[MemCube]) -> None:
    links = [SubjectLink(memcube_id=cube.id, subject_id=subject) for cube in cubes for subject in cube.subject_ids]
    SubjectLink.objects.bulk_create(links)
    check_subjects(link.subject_id for link in links)


def link_parents(version: Version, part: Submission) -> None:
    LineageEdge.objects.bulk_create(
        LineageEdge(child_id=version.memcube_id, child_version=version.number, parent_id=parent, parent_version=number)
        for parent, number in part.parents
    )


def _act(draft: _Draft) -> Act:
    return Act.MEMORY_HOLD if draft.admission.state == Admission.State.HELD else Act.MEMORY_ADMIT


def _record(principal: Principal, draft: _Draft, change: Change) -> Any:
    return record(
        principal,
        _act(draft),
        target=Target("memory", draft.cube.id, 1),
        policy=POLICY,
        detail={"space": str(draft.cube.space_id), "admission": str(draft.admission.id), **_codes(draft.judged)},
        changes=[change],
    )


def _refuse(principal: Principal, draft: _Draft) -> Any:
    return record(
        principal,
        Act.MEMORY_REJECT,
        target=Target("admission", draft.admission.id, None),
        outcome="rejected",
        policy=POLICY,
        detail={"space": str(draft.cube.space_id), **_codes(draft.judged)},
    )


def _codes(judged: Judged) -> dict[str, Any]:
    return {"reasons": list(judged.verdict.reasons), "fired": [s.name for s in judged.verdict.signals if s.fired]}


def _outcome(
    principal: Principal,
    draft: _Draft | Problem,
    events: dict[UUID, Any],
    refusals: dict[int, Any],
    payloads: dict[UUID, Payload],
) -> Shown | Problem:
    if isinstance(draft, Problem):
        return draft
    decision = draft.judged.record()
    if draft.rejected:
        shown = decision_shown(draft.admission.id, decision)
        issued = receipt(refusals[id(draft)])
        return Rejected("A hard rule refused this memory.", extra={"admission": shown, "receipt": issued})
    memory = written(principal, draft.cube, draft.version, draft.judged, payloads[draft.cube.id])
    return Shown(memory, draft.admission, decision, receipt(events[draft.cube.id]))


def written(principal: Principal, cube: MemCube, version: Version, judged: Judged, payload: Payload) -> Memory:
    """A version just written, as its writer may see it: the values are those of the request."""
    seen = of_writer(principal, judged.pii, payload, judged.originals)
    return Memory(cube, version, judged.submission.parents, payload, seen)


def decision_shown(admission_id: UUID, decision: dict[str, Any]) -> dict[str, Any]:
    """A decision record as the API shows it (`admission{…}`)."""
    signals = [{"name": each["name"], "p": each["p"], "fired": each["fired"]} for each in decision["signals"]]
    return {
        "id": admission_id,
        "decision": decision["decision"],
        "reasons": decision["reasons"],
        "signals": signals,
        "redactions": decision["redactions"],
        "policy": decision["policy"],
    }

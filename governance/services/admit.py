"""Admit memories: judge them, then write what may stay, its key first, in one short transaction."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Change, Target, record
from foundation.kernel.ids import uuid7
from foundation.kernel.outbox import owed
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Problem, RateLimited, Rejected
from foundation.kernel.rows import insert_together
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.rest import idempotency
from governance import incidents, lifecycle, premises
from governance.crediting import credit
from governance.drafting import (
    Draft,
    decision_shown,
    drafted,
    holding,
    link_parents,
    link_subjects,
    owe_retirement,
    seal_draft,
    version_key,
    written,
)
from governance.duplicates import merge
from governance.judging import Judged, judge_many
from governance.lessons import note_drafts
from governance.measured import admissions
from governance.models import Admission
from governance.opening import Shown
from governance.rollbacks.undone import refuse_undone
from governance.sealed import Payload
from governance.selectors import check_parents, inherited_subjects
from governance.services.ask_judge import owe_opinions
from governance.services.name_subjects import name_subjects
from governance.submissions import Submission
from governance.waiting import owe_judgement
from guard.pii import vault
from guard.types import Decision
from tenants.models import Resource
from tenants.policy import Resource as Place
from tenants.policy import may
from tenants.roles import POLICY
from tenants.services.count_usage import count

REVIEW_PAUSE = 3600
"""Seconds after which a writer whose holds are at their cap may hope that some were reviewed."""


def admit(principal: Principal, *, submission: Submission) -> Shown:
    """Admit one memory. Raises `Rejected`, `PiiBlocked`, `QuotaExceeded`, or what the policy door raises."""
    outcome = _admit(principal, [submission], single=True)[0]
    if isinstance(outcome, Problem):
        raise outcome
    return outcome


def admit_many(principal: Principal, *, submissions: Sequence[Submission]) -> list[Shown | Problem]:
    """Admit many, in order; one submission's refusal stands in its place and leaves the others alone."""
    return _admit(principal, submissions, single=False)


@admissions
def _admit(principal: Principal, submissions: Sequence[Submission], *, single: bool) -> list[Shown | Problem]:
    drafts: dict[int, Draft | Problem] = {}
    groups: dict[UUID, list[int]] = defaultdict(list)
    for number, submission in enumerate(submissions):
        groups[submission.space_id].append(number)
    for space_id, numbers in groups.items():
        made = _drafts(principal, space_id, [submissions[number] for number in numbers])
        drafts.update(zip(numbers, made, strict=True))
    ordered = _turn_away(principal, [drafts[number] for number in range(len(submissions))])
    return _write(principal, ordered, single=single)


def _turn_away(principal: Principal, drafts: list[Draft | Problem]) -> list[Draft | Problem]:
    """What would have to wait for review while its writer's holds are at their cap is not kept."""
    held = [each for each in drafts if isinstance(each, Draft) and each.for_review]
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


def _drafts(principal: Principal, space_id: UUID, parts: Sequence[Submission]) -> list[Draft | Problem]:
    """Cleared on the terms of their space that hold in the snapshot their evidence is from."""
    try:
        may(principal, Act.MEMORY_ADMIT, Place(space_id))
        terms = premises.remembered_terms(space_id) or premises.fresh_terms(space_id)
        refused = check_parents(principal, parts)
    except Problem as problem:
        return [problem] * len(parts)
    allowed = [part for part in parts if id(part) not in refused]
    holds = partial(premises.require, terms, space_id)
    try:
        found = judge_many(
            principal, policy=terms.policy, submissions=allowed, subject_ids=_subjects(allowed), premise=holds
        )
    except premises.Changed:
        return _drafts(principal, space_id, parts)
    judged = iter(found)
    outcomes = (refused[id(part)] if id(part) in refused else next(judged) for part in parts)
    made = [each if isinstance(each, Problem) else drafted(principal, each) for each in outcomes]
    return _merged(principal, made) if terms.merges else made


def _merged(principal: Principal, made: Sequence[Draft | Problem]) -> list[Draft | Problem]:
    merged = iter(merge(principal, [each for each in made if isinstance(each, Draft)]))
    return [next(merged) if isinstance(each, Draft) else each for each in made]


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


def _write(principal: Principal, drafts: Sequence[Draft | Problem], *, single: bool) -> list[Shown | Problem]:
    kept = [draft for draft in drafts if isinstance(draft, Draft) and not draft.rejected]
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
            id(draft): _refuse(principal, draft) for draft in drafts if isinstance(draft, Draft) and draft.rejected
        }
        note_drafts(principal, [draft for draft in drafts if isinstance(draft, Draft)])
        _complete(drafts, single=single)
    return [_outcome(principal, draft, events, refusals, payloads) for draft in drafts]


def _complete(drafts: Sequence[Draft | Problem], *, single: bool) -> None:
    """Mark the request's idempotency key done: one memory, or a batch item by item."""
    statuses = [_status(draft) for draft in drafts]
    ids = [draft.cube.id if isinstance(draft, Draft) else uuid7() for draft in drafts]
    if not single:
        idempotency.complete(ids, 207, statuses=statuses)
    elif statuses[0] < 300:
        idempotency.complete(ids, statuses[0])


def _status(draft: Draft | Problem) -> int:
    if isinstance(draft, Problem):
        return draft.status
    return {Decision.REJECT: 422, Decision.HOLD: 202, Decision.ADMIT: 201}[draft.judged.verdict.decision]


def _insert(principal: Principal, kept: Sequence[Draft]) -> dict[UUID, Any]:
    if not kept:
        return {}
    refuse_undone([parent for draft in kept for parent in draft.judged.submission.parents])
    count(principal, Resource.MEMORIES, len(kept))
    births = [lifecycle.begin(draft.cube, act=_act(draft), principal=principal) for draft in kept]
    voices = credit([(draft.judged, draft.admission) for draft in kept])
    insert_together(
        [draft.cube for draft in kept],
        [revision for revision, _ in births],
        [draft.version for draft in kept],
        [draft.admission for draft in kept],
        owed("search.index", [{"id": str(draft.cube.id)} for draft in kept]),
        unless_there=voices,
    )
    link_subjects([draft.cube for draft in kept])
    for draft in kept:
        link_parents(draft.version, draft.judged.submission)
        owe_retirement(draft.cube)
    owe_opinions([draft.version.id for draft in kept if draft.admission.state == Admission.State.HELD])
    owe_judgement([(draft.judged.verdict.reasons, draft.admission) for draft in kept])
    return {draft.cube.id: _record(principal, draft, change) for draft, (_, change) in zip(kept, births, strict=True)}


def _act(draft: Draft) -> Act:
    return Act.MEMORY_HOLD if draft.admission.state == Admission.State.HELD else Act.MEMORY_ADMIT


def _record(principal: Principal, draft: Draft, change: Change) -> Any:
    return record(
        principal,
        _act(draft),
        target=Target("memory", draft.cube.id, 1),
        policy=POLICY,
        detail={"space": str(draft.cube.space_id), "admission": str(draft.admission.id), **_codes(draft.judged)},
        changes=[change],
    )


def _refuse(principal: Principal, draft: Draft) -> Any:
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
    draft: Draft | Problem,
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

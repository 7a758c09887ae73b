"""Judge again what was held only because a part was away. Run by the worker; it does what a person could not add to.

Nothing is taken over from the first time but what was submitted: the text is cleared of personal data anew under the
policy of now, embedded, and judged on the evidence of now, in the name of its writer and as far as he may still act.
What comes out replaces the held version by a version of its own (with its own key; the old one is destroyed), served
only if the verdict is to admit. Whatever else comes out, or stands in the way, it stays held and is a person's.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.outbox import Queue, enqueue, enqueue_many
from foundation.kernel.principal import Principal
from foundation.kernel.problems import PiiBlocked, Unavailable
from foundation.kernel.rows import insert
from foundation.kernel.scope import current_tenant, tenant_transaction
from foundation.keyring import keys
from governance import lifecycle, opening, revealing
from governance.crediting import credit
from governance.drafting import draft_admission, draft_version, holding, link_parents, seal_draft, version_key
from governance.holds import holds_on
from governance.judging import Judged, judge_many
from governance.lessons import note_revision
from governance.models import Admission, MemCube, Space, State, Version
from governance.opening import Memory, decision_of
from governance.rollbacks.undone import lock_with_origins, rests_on_undone
from governance.selectors import check_parents, is_expired
from governance.services.ask_judge import owe_opinions
from governance.services.revise import submission_of
from governance.submissions import Submission
from governance.waiting import FIRST, JUDGE_AGAIN, PERHAPS_THE_TEXT, only_for_a_part
from guard.pii import vault
from guard.pii.entities import Entity
from guard.pii.policy import PiiPolicy
from guard.selectors import pii_policy
from guard.types import Decision
from tenants.policy import Resource
from tenants.roles import POLICY
from tenants.writers import writer

LONGEST = timedelta(minutes=10)
PATIENCE = timedelta(hours=24)
"""How long a part may be away before what waits for it is a person's."""
TRIES = 6
"""How often what a text itself may be the cause of is tried."""
TURN = 60.0
"""Seconds after which a run leaves the rest to the next."""


@dataclass(frozen=True, slots=True)
class _Case:
    """What waits, opened: in whose name it is judged, under which policy, and what of it is personal."""

    admission: Admission
    memory: Memory
    values: dict[str, str] = field(repr=False)
    writer: Principal
    policy: PiiPolicy

    @property
    def cube(self) -> MemCube:
        return self.memory.cube

    @property
    def is_new(self) -> bool:
        """Whether nothing of the record was ever served."""
        return bool(self.cube.state == State.HELD)

    @property
    def known(self) -> dict[str, Entity]:
        spans = [span for span in self.memory.payload.redactions if span.get("value") in self.values]
        return {self.values[span["value"]]: Entity(span["type"]) for span in spans}

    def submission(self) -> Submission:
        """As it was submitted, with its values in their places."""
        payload = revealing.with_values(self.memory.payload, self.values)
        return submission_of(self.memory, payload, reason=payload.reason, revises=not self.is_new)


def judge_again(refs: Sequence[dict[str, Any]]) -> None:
    """Judge each `{admission, version, tries?}` that still waits. May be repeated."""
    ends = time.monotonic() + TURN
    for number, ref in enumerate(refs):
        if time.monotonic() > ends:
            with tenant_transaction():
                enqueue_many(JUDGE_AGAIN, list(refs[number:]), queue=Queue.ADMISSION)
            return
        _judge(ref)


def _judge(ref: dict[str, Any]) -> None:
    if not _waits(ref):
        return
    case = _case(ref)
    judged = None if case is None else _judged(case)
    if case is None or judged is None:
        _leave(ref)
    elif judged.verdict.decision is Decision.REJECT:
        _leave(ref, judged)
    elif only_for_a_part(judged.verdict.reasons):
        _put_off(ref, judged)
    else:
        _replace(case, judged)


def _waits(ref: dict[str, Any]) -> bool:
    """Whether nobody decided meanwhile."""
    with tenant_transaction():
        return bool(_admissions(ref).exists())


def _admissions(ref: dict[str, Any]) -> Any:
    return Admission.objects.filter(id=ref["admission"], version_id=ref["version"], state=Admission.State.HELD)


def _case(ref: dict[str, Any]) -> _Case | None:
    """The case, unless something has changed that a person should look at."""
    with tenant_transaction(snapshot=True):
        admission = _admissions(ref).get()
        cube = MemCube.objects.filter(id=admission.memcube_id).first()
        if cube is None or not _is_as_it_was(cube, admission):
            return None
        space, by = Space.objects.filter(id=cube.space_id, deleted_at=None).first(), _writer(cube, admission)
        if space is None or by is None:
            return None
        rows, policy = opening.rows([(cube.id, admission.version)]), pii_policy(space.pii_policy_id)
        whole = revealing.whole(row.version for row in rows)
    secrets = keys.open_many([admission.version_id, *whole.key_ids])
    memories = opening.unseal_existing(rows)
    if not memories or not only_for_a_part(decision_of(admission, secrets[admission.version_id])["reasons"]):
        return None
    return _Case(admission, memories[0], whole.values(admission.version_id, secrets), by, policy)


def _is_as_it_was(cube: MemCube, admission: Admission) -> bool:
    """Held or in service, within its time, not revised since, nothing of it kept by a legal hold, and nothing that it
    was made from rolled back."""
    later = Version.objects.filter(memcube_id=cube.id, number__gt=admission.version).exists()
    bound = cube.frozen or is_expired(cube) or later or bool(holds_on([cube]))
    return cube.state in (State.HELD, State.ACTIVE) and not bound and not rests_on_undone(admission.version_id)


def _writer(cube: MemCube, admission: Admission) -> Principal | None:
    act = Act.MEMORY_ADMIT if cube.state == State.HELD else Act.MEMORY_REVISE
    resource = Resource(space_id=cube.space_id, labels=tuple(cube.labels))
    return None if admission.principal_id is None else writer(admission.principal_id, act, resource)


def _judged(case: _Case) -> Judged | None:
    """The judgement of now; None where it may not be made: a parent is gone, or policy refuses the text."""
    part, about = case.submission(), tuple(case.cube.subject_ids)
    with tenant_transaction():
        refused = check_parents(case.writer, [part])
    if refused:
        return None
    judged = judge_many(case.writer, policy=case.policy, submissions=[part], subject_ids=[about], known=case.known)[0]
    return None if isinstance(judged, PiiBlocked) else judged


def _put_off(ref: dict[str, Any], judged: Judged) -> None:
    """The part is still away: wait longer, but not for ever."""
    tries = ref.get("tries", 0) + 1
    with tenant_transaction():
        since = _admissions(ref).values_list("held_at", flat=True).first()
        for_ever = since is None or now() - since > PATIENCE
        if for_ever or (tries >= TRIES and PERHAPS_THE_TEXT.intersection(judged.verdict.reasons)):
            _admissions(ref).update(waits=False)
            return
        pause = min(FIRST * 2 ** min(tries, 10), LONGEST)
        enqueue(JUDGE_AGAIN, ref | {"tries": tries}, due=now() + pause, queue=Queue.ADMISSION)


def _leave(ref: dict[str, Any], judged: Judged | None = None) -> None:
    """It stays held as it is, and a person decides. A hard rule that refuses it now is told in the log."""
    with tenant_transaction():
        admission = _admissions(ref).select_for_update().first()
        if admission is None:
            return
        admission.waits = False
        admission.save(force_update=True)
        if judged is not None:
            _record(Act.MEMORY_REJECT, admission.memcube_id, admission, judged, "rejected", admission.version)


def _replace(case: _Case, judged: Judged) -> None:
    """Write what was judged as the record's next version, in the place of the one that waited."""
    at, cube = now(), case.cube
    act = Act.MEMORY_ADMIT if case.is_new else Act.MEMORY_REVISE
    number = case.admission.version + 1
    version = draft_version(case.writer, cube, judged.submission, number=number, at=at, act=act)
    decided = draft_admission(judged, version, at)
    decided.id, decided.held_at = case.admission.id, case.admission.held_at
    deposit = vault.prepare([holding(cube, version, judged)])
    secrets = keys.create_many([version_key(cube, version), *deposit.new_keys])
    seal_draft(cube, version, decided, judged, secrets[version.id], deposit)
    with tenant_transaction():
        locked = _unchanged(case)
        version.save(force_insert=True)
        deposit.insert(secrets)
        insert(credit([(judged, decided)]), ignore_conflicts=True)
        decided.save(force_update=True)
        link_parents(version, judged.submission)
        _tell(case, locked, decided, judged)
        enqueue("memory.drop_version", {"version": str(case.admission.version_id)}, queue="forget")


def _unchanged(case: _Case) -> MemCube:
    """The record, locked. Raises `Unavailable` (to be looked at again) if anything changed while it was judged."""
    cube = lock_with_origins(case.cube.id, case.admission.version_id)
    ref = {"admission": case.admission.id, "version": case.admission.version_id}
    waits = _admissions(ref).select_for_update().exists()
    if cube is None or not waits or cube.rev != case.cube.rev or not _is_as_it_was(cube, case.admission):
        raise Unavailable
    space = Space.objects.filter(id=cube.space_id, deleted_at=None).first()
    if space is None or pii_policy(space.pii_policy_id).ref != case.policy.ref:
        raise Unavailable
    if _writer(cube, case.admission) is None:
        raise Unavailable
    return cube


def _tell(case: _Case, cube: MemCube, decided: Admission, judged: Judged) -> None:
    """The record's header, the log, the index, and whoever learns from it."""
    held = decided.state == Admission.State.HELD
    admitted = Act.MEMORY_ADMIT if case.is_new else Act.MEMORY_REVISE
    act, system = Act.MEMORY_HOLD if held else admitted, Principal.system(current_tenant())
    fields: dict[str, Any] = {"version": decided.version} | ({} if held else {"state": State.ACTIVE})
    changes = [lifecycle.change(cube, act=act, principal=system, **fields)] if case.is_new or not held else []
    _record(act, cube.id, decided, judged, "ok", case.admission.version, changes)
    enqueue("search.index", {"id": str(cube.id)})
    note_revision(case.writer, cube, judged, decided.id, decided.version)
    owe_opinions([decided.version_id] if held else [])


def _record(
    act: Act, cube_id: UUID, admission: Admission, judged: Judged, outcome: str, before: int, changes: Any = ()
) -> None:
    detail = {
        "admission": str(admission.id),
        "again": before,
        "reasons": list(judged.verdict.reasons),
        "fired": [signal.name for signal in judged.verdict.signals if signal.fired],
    }
    record(
        Principal.system(current_tenant()),
        act,
        target=Target("memory", cube_id, admission.version),
        outcome=outcome,
        policy=POLICY,
        detail=detail,
        changes=list(changes),
    )

"""Review a held memory: approve it into service, or reject it, which destroys it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Change, Target, record
from foundation.kernel.clock import now
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal
from foundation.kernel.problems import AlreadyDecided, Conflict, NotFound, Unavailable
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.rest import idempotency
from governance import lifecycle
from governance.judging import UNCLEARED
from governance.models import Admission, MemCube, State
from governance.opening import decision_of
from governance.rollbacks.doing import UNDONE_PARENT
from governance.rollbacks.planning import refuse_leaving
from governance.rollbacks.undone import lock_with_origins, rests_on_undone
from governance.sealed import seal_text
from guard.lessons.intake import reviewed
from guard.trust import Kind, note_outcomes
from tenants.policy import Resource, may
from tenants.roles import POLICY


@dataclass(frozen=True, slots=True)
class Review:
    admission: Admission
    receipt: dict[str, Any]


def approve(principal: Principal, *, admission_id: UUID, reason: str) -> Review:
    """Serve the held version. Raises `AlreadyDecided`; `Unavailable` if it was never cleared of personal data;
    `Conflict` if an erasure waits for the record, or what it was made from was rolled back since it waits."""
    return _decide(principal, admission_id, reason, Admission.State.APPROVED)


def reject(principal: Principal, *, admission_id: UUID, reason: str) -> Review:
    """Refuse the held version; its key and rows are destroyed. Raises `AlreadyDecided`; `Conflict` if another version
    is held by now."""
    return _decide(principal, admission_id, reason, Admission.State.REJECTED)


def _decide(principal: Principal, admission_id: UUID, reason: str, state: Admission.State) -> Review:
    asked = _asked(principal, admission_id)
    secret = keys.open_one(asked.version_id)
    with tenant_transaction():
        cube = lock_with_origins(asked.memcube_id, asked.version_id)
        if cube is None:
            raise NotFound
        admission = Admission.objects.select_for_update().get(id=admission_id)
        if admission.state != Admission.State.HELD:
            raise AlreadyDecided
        if admission.version_id != asked.version_id:
            raise Conflict  # judged again meanwhile: another text is held than was looked at
        if state == Admission.State.APPROVED:
            _refuse_uncleared(admission, secret)
            _refuse_unasked(admission, secret)
        admission.state, admission.decided_by, admission.decided_at = state, principal.id, now()
        admission.sealed_reason = seal_text(secret, f"admission:{admission.id}:reason", reason)
        admission.save(force_update=True)
        changes = (
            _serve(principal, cube, admission)
            if state == Admission.State.APPROVED
            else _drop(principal, cube, admission)
        )
        target = Target("memory", admission.memcube_id, admission.version)
        _remember(principal, admission)
        event = record(
            principal, Act.DECISION_REVIEW, target=target, outcome=state.value, policy=POLICY, changes=changes
        )
        reviewed(admission.id, approved=state == Admission.State.APPROVED)
        idempotency.complete(admission.id, 200)
    return Review(admission, receipt(event))


def _remember(principal: Principal, admission: Admission) -> None:
    """A reviewer's word on a voice: approval counts once a reviewer, each rejection for itself."""
    if admission.principal_id is None:
        return
    speaker = (bytes(admission.source_key), admission.principal_id)
    approved = admission.state == Admission.State.APPROVED
    by, kind = (principal.id, Kind.CONFIRMED) if approved else (admission.id, Kind.REFUTED)
    note_outcomes({speaker: {str(by)}}, kind)


def _asked(principal: Principal, admission_id: UUID) -> Admission:
    """The admission as it stands, if the principal may decide about it and nobody has."""
    with tenant_transaction():
        admission: Admission | None = Admission.objects.filter(id=admission_id).first()
    if admission is None:
        raise NotFound
    may(principal, Act.DECISION_REVIEW, Resource(space_id=admission.space_id))
    if admission.state != Admission.State.HELD:
        raise AlreadyDecided
    return admission


def _refuse_uncleared(admission: Admission, secret: bytes) -> None:
    if any(reason.startswith(UNCLEARED) for reason in decision_of(admission, secret)["reasons"]):
        raise Unavailable("Personal data in this memory was never cleared: have it submitted again.", retry_after=60)


def _refuse_unasked(admission: Admission, secret: bytes) -> None:
    """What a version was made from may have been rolled back since it waits: its reviewer is told so before he
    approves of it, which the reason in its decision does."""
    if UNDONE_PARENT in decision_of(admission, secret)["reasons"]:
        return
    if rests_on_undone(admission.version_id):
        raise Conflict("What this was made from was rolled back since: reject it, or plan the rollback once more.")


def _serve(principal: Principal, cube: MemCube, admission: Admission) -> list[Change]:
    refuse_leaving(cube)
    enqueue("search.index", {"id": str(cube.id)})
    fields = {"state": State.ACTIVE, "version": max(cube.version, admission.version)}
    return [lifecycle.change(cube, act=Act.DECISION_REVIEW, principal=principal, **fields)]


def _drop(principal: Principal, cube: MemCube, admission: Admission) -> list[Change]:
    if cube.state != State.HELD or admission.version != cube.version:  # it was to take the place of one that stays
        enqueue("memory.drop_version", {"version": str(admission.version_id)}, queue="forget")
        return []
    enqueue("memory.retire", {"ids": [str(cube.id)]}, queue="forget")
    return [lifecycle.change(cube, act=Act.DECISION_REVIEW, principal=principal, state=State.WITHDRAWN, erase_at=now())]

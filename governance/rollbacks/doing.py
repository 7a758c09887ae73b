"""What a rollback does to one record, inside the transaction that also says it is done.

Who ordered it, holds, erasures and the record itself are looked at again there, under the record's lock.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.record import Change, Target, record
from foundation.kernel.clock import now
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal
from foundation.keyring.sealing import seal
from governance import lifecycle
from governance.holds import holds_on
from governance.indexing import unindex
from governance.models import Admission, MemCube, State
from governance.opening import decision_of, verdict_place
from governance.rollbacks import restoring
from governance.rollbacks.models import Rollback, RollbackItem
from governance.rollbacks.planning import Action, leaving
from governance.rollbacks.restoring import Copy
from governance.sealed import seal_text
from governance.withdrawing import tombstone
from tenants.policy import Resource
from tenants.roles import POLICY
from tenants.writers import writer

Step = RollbackItem.Step
UNDONE_PARENT = "undone-parent"
"""The reason of what is held because part of what it was derived from was rolled back."""


@dataclass(frozen=True, slots=True)
class Means:
    """What was made ready outside the transaction: headers as they were verified, sealed copies, opened keys of the
    decisions that change, why it is done."""

    read: Mapping[UUID, MemCube]
    copies: Mapping[UUID, Copy]
    secrets: Mapping[UUID, bytes]
    reason: str


def is_served(cube: MemCube) -> bool:
    return cube.state in lifecycle.SERVED and not cube.frozen


def do(rollback: Rollback, item: RollbackItem, means: Means) -> None:
    """Do with the record what was planned, or note why not."""
    cube = lifecycle.lock(item.memcube_id)
    item.step = _hindrance(item, cube, means) or Step.DONE
    if cube is not None and item.step == Step.DONE:
        _apply(rollback, item, cube, means)
    item.save(force_update=True)


def restrict(principal: Principal, cube: MemCube, rollback: Rollback) -> UUID:
    """Take the locked record out of every read, and leave it as it is; the event's id."""
    change = lifecycle.change(cube, act=Act.MEMORY_RESTRICT, principal=principal, state=State.RESTRICTED)
    unindex([cube.id])
    return _tell(principal, Act.MEMORY_RESTRICT, cube, rollback, change)


def _hindrance(item: RollbackItem, cube: MemCube | None, means: Means) -> RollbackItem.Step | None:
    """Why the record is not what the plan was made for; None if it is."""
    if cube is None or cube.state == State.FORGOTTEN or cube.frozen or leaving([cube.id]):
        return Step.ERASED
    before = means.read.get(cube.id)
    if before is None or cube.rev != item.rev or bytes(cube.mac) != bytes(before.mac):
        return Step.CHANGED
    return None


def _apply(rollback: Rollback, item: RollbackItem, cube: MemCube, means: Means) -> None:
    resource = Resource(space_id=cube.space_id, labels=tuple(cube.labels))
    principal = writer(rollback.runner_id, Act.MEMORY_ROLLBACK, resource)
    if principal is None:  # by the credentials as they are now
        item.step = Step.DENIED
        return
    held = bool(holds_on([cube]))
    _settle_waiting(principal, item, means, held)
    item.step, item.event_id = _done(principal, rollback, item, cube, means, held)


def _done(
    principal: Principal, rollback: Rollback, item: RollbackItem, cube: MemCube, means: Means, held: bool
) -> tuple[RollbackItem.Step, UUID]:
    """What is done in the end, and the event that tells of it."""
    action = Action(item.action)
    if action is Action.RESTRICT or (held and cube.version in item.tainted):
        step = Step.DONE if action is Action.RESTRICT else Step.RESTRICTED
        return step, restrict(principal, cube, rollback)
    if action is Action.WITHDRAW:
        return Step.DONE, _withdraw(principal, cube, rollback)
    if action is not Action.RESTORE:
        return Step.DONE, _set_aside(principal, cube, item, rollback)
    if cube.id in means.copies:
        return Step.DONE, _restore(principal, cube, means.copies[cube.id], rollback)
    return Step.UNRECOVERABLE, _withdraw(principal, cube, rollback)


def _restore(principal: Principal, cube: MemCube, copy: Copy, rollback: Rollback) -> UUID:
    restoring.write(copy)
    act, number = Act.MEMORY_ROLLBACK, copy.version.number
    change = lifecycle.change(cube, act=act, principal=principal, state=State.ACTIVE, version=number, erase_at=None)
    enqueue("search.index", {"id": str(cube.id)})
    return _tell(principal, act, cube, rollback, change, to_version=copy.target.version.number)


def _withdraw(principal: Principal, cube: MemCube, rollback: Rollback) -> UUID:
    return _tell(principal, Act.MEMORY_WITHDRAW, cube, rollback, tombstone(principal, cube))


def _set_aside(principal: Principal, cube: MemCube, item: RollbackItem, rollback: Rollback) -> UUID:
    """What is served and partly bad waits for a reviewer; what waited already only learns of it."""
    if not (is_served(cube) and cube.version in item.tainted):
        return _tell(principal, Act.MEMORY_ROLLBACK, cube, rollback)
    change = lifecycle.change(cube, act=Act.MEMORY_HOLD, principal=principal, state=State.HELD)
    unindex([cube.id])
    return _tell(principal, Act.MEMORY_HOLD, cube, rollback, change)


def _settle_waiting(principal: Principal, item: RollbackItem, means: Means, held: bool) -> None:
    """Decide about the bad versions that wait for review, and put to review what the record is held for."""
    rows = Admission.objects.select_for_update().filter(memcube_id=item.memcube_id, version__in=item.tainted)
    for row in rows:
        if item.action == Action.HOLD and _concerns(row, item):
            _hold(row, means.secrets[row.version_id])
        elif item.action != Action.HOLD and row.state == Admission.State.HELD:
            _refuse(principal, row, means)
            if item.action == Action.REFUSE and not held:  # the record stays, so nothing else would destroy it
                enqueue("memory.drop_version", {"version": str(row.version_id)}, queue="forget")


def _concerns(row: Admission, item: RollbackItem) -> bool:
    return bool(row.state == Admission.State.HELD or row.version == item.from_version)


def _hold(row: Admission, secret: bytes) -> None:
    """Put a decision to review once more. What it was before stays inside it."""
    before = decision_of(row, secret)
    if row.state == Admission.State.HELD and UNDONE_PARENT in before["reasons"]:
        return
    decision = before | {"decision": "hold", "reasons": [*before["reasons"], UNDONE_PARENT], "before": before}
    decision.pop("grounds", None)  # the guard did not judge so: there is nothing to judge again
    row.sealed_verdict = seal(secret, verdict_place(row), json.dumps(decision).encode())
    row.state, row.held_at, row.waits = Admission.State.HELD, row.held_at or now(), False
    row.decided_by = row.decided_at = row.sealed_reason = None
    row.save(force_update=True)


def _refuse(principal: Principal, row: Admission, means: Means) -> None:
    secret = means.secrets.get(row.version_id)
    row.state, row.decided_by, row.decided_at = Admission.State.REJECTED, principal.id, now()
    row.sealed_reason = secret and seal_text(secret, f"admission:{row.id}:reason", means.reason)
    row.save(force_update=True)


def _tell(
    principal: Principal, act: Act, cube: MemCube, rollback: Rollback, change: Change | None = None, **detail: Any
) -> UUID:
    told = {"rollback": str(rollback.id)} | detail
    target = Target("memory", cube.id, cube.version)
    changes = [] if change is None else [change]
    event_id: UUID = record(principal, act, target=target, policy=POLICY, detail=told, changes=changes).id
    return event_id

"""Plan a rollback of many records: what is bad, what undoing it would do, under which hash."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Principal
from foundation.kernel.problems import FieldError, NotFound, PolicyDenied, Validation
from foundation.kernel.rows import insert
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.rest import idempotency
from governance.models import MemCube
from governance.plans import PLAN_LIFE
from governance.rollbacks.models import Rollback, RollbackItem
from governance.rollbacks.planning import Plan, may_undo, plan, selection_of
from governance.rollbacks.reading import reason_place
from governance.rollbacks.taint import Selection
from governance.sealed import lookup, seal_text
from governance.selectors import reach_space
from tenants.policy import may
from tenants.roles import POLICY


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which versions are bad: those that meet every part that is given, at least one. `source`, `actor` and `session`
    are the callers' own words; `writer_id` is the principal whose credential wrote; `since` goes by record time."""

    source: str | None = None
    actor: str | None = None
    session: str | None = None
    writer_id: UUID | None = None
    space_id: UUID | None = None
    since: datetime | None = None
    ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedRollback:
    """The order (unsaved for a dry run, which has no receipt) and what it would do."""

    rollback: Rollback
    plan: Plan
    receipt: dict[str, Any] | None


def plan_rollback(principal: Principal, *, wanted: Wanted, reason: str, dry_run: bool = False) -> PlannedRollback:
    """Plan to undo what is wanted and all that came from it. Raises `NotFound` and `Validation` for what is not there,
    `PolicyDenied` when it reaches records that the principal may not roll back."""
    may(principal, Act.ROLLBACK_PLAN)
    rollback = _draft(principal, _selection(principal, wanted))
    rollback.sealed_reason = seal_text(keys.named("record"), reason_place(rollback), reason)
    with tenant_transaction():
        _check_ids(principal, wanted.ids)
        planned = plan(selection_of(rollback))
        check_reach(principal, planned)
        rollback.manifest, rollback.counts = planned.manifest, planned.counts
        if dry_run:
            return PlannedRollback(rollback, planned, None)
        detail = {"manifest": planned.manifest, "counts": planned.counts}
        target = Target("rollback", rollback.id, None)
        event = record(principal, Act.ROLLBACK_PLAN, target=target, policy=POLICY, detail=detail)
        rollback.event_ids = [event.id]
        _save(rollback, planned)
        idempotency.complete(rollback.id, 201)
    return PlannedRollback(rollback, planned, receipt(event))


def _selection(principal: Principal, wanted: Wanted) -> Selection:
    if wanted == Wanted():
        raise Validation(errors=[FieldError("/select", "required", "Name a source, an actor, a space, a time …")])
    if wanted.space_id is not None:
        reach_space(principal, wanted.space_id, Act.ROLLBACK_PLAN)
    words = {"source": wanted.source, "actor": wanted.actor, "session": wanted.session}
    hashed = {f"{kind}_key": lookup(kind, text) for kind, text in words.items() if text is not None}
    return Selection(
        **hashed,
        writer_id=wanted.writer_id,
        space_id=wanted.space_id,
        since=wanted.since,
        memcube_ids=tuple(sorted(set(wanted.ids))),
    )


def _draft(principal: Principal, selection: Selection) -> Rollback:
    at = now()
    return Rollback(
        id=uuid7(),
        source_key=selection.source_key,
        actor_key=selection.actor_key,
        session_key=selection.session_key,
        writer_id=selection.writer_id,
        space_id=selection.space_id,
        since=selection.since,
        memcube_ids=list(selection.memcube_ids),
        requested_by=principal.id,
        created_at=at,
        expires_at=at + PLAN_LIFE,
    )


def _check_ids(principal: Principal, ids: tuple[UUID, ...]) -> None:
    """A record that is not there and one that is out of reach are the same."""
    known = [cube for cube in MemCube.objects.filter(id__in=ids) if may_undo(principal, cube)]
    if len(known) != len(set(ids)):
        raise NotFound("There is no such record.")


def check_reach(principal: Principal, planned: Plan) -> None:
    """Half of what is bad undone is worse than a refusal: who orders it, or has it run, reaches all that it
    changes. Raises `PolicyDenied`."""
    if not all(may_undo(principal, each.cube) for each in planned.undoings):
        raise PolicyDenied("This reaches records that this credential does not; who reaches them all can order it.")


def _save(rollback: Rollback, planned: Plan) -> None:
    rollback.save(force_insert=True)
    items = [
        RollbackItem(
            rollback_id=rollback.id,
            memcube_id=each.cube.id,
            rev=each.cube.rev,
            from_version=each.from_version,
            to_version=each.to_version,
            action=each.action,
            tainted=list(each.tainted),
        )
        for each in planned.undoings
    ]
    insert(items)

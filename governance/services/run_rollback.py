"""Run a rollback to its end, from wherever a crash may have left it.

Records are changed a batch at a time, each batch in one transaction that also says it is done; so a rollback that was
killed between two goes on with the next, and one that is run twice changes nothing twice. Everything that was decided
at planning is asked again there. At the end the taint is closed once more over what was made meanwhile.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Integrity
from foundation.kernel.scope import current_tenant, tenant_transaction
from foundation.keyring import keys
from governance import headers, lifecycle, opening
from governance.models import Admission, MemCube, Operation
from governance.opening import Row
from governance.rollbacks import doing, restoring
from governance.rollbacks.doing import Means
from governance.rollbacks.models import Rollback, RollbackItem
from governance.rollbacks.planning import COUNTED, plan, selection_of
from governance.rollbacks.reading import reason_place
from governance.rollbacks.restoring import Copy
from governance.sealed import open_text
from guard.lessons.undoing import retire_resting_on
from tenants.roles import POLICY
from tenants.selectors import credentials_of

Step = RollbackItem.Step
BATCH = 20
"""Records of one transaction: a moment's work, and so long they are locked."""


@dataclass(frozen=True, slots=True)
class _Read:
    """The records of one batch as they were read and verified, and the decisions on those that a person will see."""

    rows: dict[UUID, Row] = field(default_factory=dict)
    numbers: dict[UUID, int] = field(default_factory=dict)
    admissions: list[Admission] = field(default_factory=list)


def run_rollback(rollback_id: UUID) -> Rollback:
    """Do what is left of it. Nothing, if it is not running."""
    with tenant_transaction():
        rollback: Rollback = Rollback.objects.get(id=rollback_id)
    if rollback.state != Rollback.State.RUNNING:
        return rollback
    reason = open_text(keys.named("record"), reason_place(rollback), rollback.sealed_reason) or ""
    while items := _next(rollback):
        _batch(rollback, items, reason)
    return _finish(rollback)


def _next(rollback: Rollback) -> list[RollbackItem]:
    with tenant_transaction():
        return list(_left(rollback).order_by("id")[:BATCH])


def _left(rollback: Rollback) -> Any:
    """Its records with which nothing has been done yet (a query, inside a transaction)."""
    return RollbackItem.objects.filter(rollback_id=rollback.id, step=Step.PLANNED)


def _batch(rollback: Rollback, items: Sequence[RollbackItem], reason: str) -> None:
    read = _read(items)
    targets = [read.rows[each.memcube_id] for each in items if each.to_version and each.memcube_id in read.rows]
    copies = _copies(rollback, targets, read.numbers, reason)
    means = Means(
        read={cube_id: row.cube for cube_id, row in read.rows.items()},
        copies={copy.target.cube.id: copy for copy in copies},
        secrets=keys.open_many([each.version_id for each in read.admissions]),
        reason=reason,
    )
    with tenant_transaction():
        left = _left(rollback).filter(id__in=[each.id for each in items]).select_for_update()
        for item in sorted(left, key=lambda each: each.memcube_id):  # one order of locks
            doing.do(rollback, item, means)
        _progress(rollback)


def _read(items: Sequence[RollbackItem]) -> _Read:
    """Read and verify the records together, or else each alone: what was tampered with holds up no other."""
    try:
        return _verified(items)
    except Integrity:
        pass
    whole = _Read()
    for item in items:
        try:
            one = _verified([item])
        except Integrity:
            continue
        whole.rows.update(one.rows)
        whole.numbers.update(one.numbers)
        whole.admissions.extend(one.admissions)
    return whole


def _verified(items: Sequence[RollbackItem]) -> _Read:
    with tenant_transaction(snapshot=True):
        rows = opening.rows([(each.memcube_id, each.to_version) for each in items], embeddings=True)
        ids = [row.cube.id for row in rows]
        bad = {each.memcube_id: each.tainted for each in items}
        found = Admission.objects.filter(memcube_id__in=bad)
        admissions = [row for row in found if row.version in bad[row.memcube_id]]
        return _Read({row.cube.id: row for row in rows}, restoring.newest(ids), admissions)


def _copies(rollback: Rollback, targets: Sequence[Row], numbers: dict[UUID, int], reason: str) -> list[Copy]:
    """Sealed copies of the targets, but of those that cannot be opened."""
    try:
        return restoring.copies(rollback.runner_id, targets, numbers, reason)
    except Integrity:
        if len(targets) == 1:
            return []
    return [copy for target in targets for copy in _copies(rollback, [target], numbers, reason)]


def _progress(rollback: Rollback) -> None:
    done = RollbackItem.objects.filter(rollback_id=rollback.id).exclude(step=Step.PLANNED).count()
    running = {"state": Operation.State.RUNNING, "step": "records", "done": done}
    Operation.objects.filter(id=rollback.operation_id).update(**running)


def _finish(rollback: Rollback) -> Rollback:
    """Close the taint over what was made since the plan, retire the lessons, and report. In one transaction, so that
    what it says is so when it says it."""
    with tenant_transaction():
        rollback = Rollback.objects.select_for_update().get(id=rollback.id)
        if rollback.state != Rollback.State.RUNNING:
            return rollback
        found = plan(selection_of(rollback))
        bad = [each.cube.id for each in found.undoings if each.cube.version in each.tainted]
        late = _restrict_late(rollback, bad)
        principal = _teller(rollback)
        lessons = retire_resting_on(principal, list(found.places))
        rollback.report = _report(rollback) | {"late": late, "lessons": lessons}
        denied = rollback.report["denied"]
        rollback.state = Rollback.State.FAILED if denied else Rollback.State.DONE
        rollback.finished_at = now()
        target = Target("rollback", rollback.id, None)
        event = record(
            principal,
            Act.ROLLBACK_EXECUTE,
            target=target,
            outcome="failed" if denied else "done",
            policy=POLICY,
            detail={"report": rollback.report},
        )
        rollback.event_ids = [*rollback.event_ids, event.id]
        rollback.save(force_update=True)
        _end(rollback)
    return rollback


def _teller(rollback: Rollback) -> Principal:
    """In whose name the end is told: whoever had it run, if he still may anything here."""
    return next(iter(credentials_of(rollback.runner_id)), Principal.system(current_tenant()))


def _restrict_late(rollback: Rollback, ids: Sequence[UUID]) -> int:
    """Take out of every read what serves a bad version still: it was made, or changed, since the plan."""
    denied = RollbackItem.objects.filter(rollback_id=rollback.id, step=Step.DENIED)
    told, count = set(denied.values_list("memcube_id", flat=True)), 0
    principal = Principal.system(current_tenant())
    for cube_id in sorted(set(ids) - told):
        cube = lifecycle.lock(cube_id)
        if cube is not None and doing.is_served(cube) and _is_whole(cube):
            doing.restrict(principal, cube, rollback)
            count += 1
    return count


def _is_whole(cube: MemCube) -> bool:
    """What was tampered with is refused at every read as it is; a new header would only hide that."""
    try:
        headers.verify([cube])
    except Integrity:
        return False
    return True


def _report(rollback: Rollback) -> dict[str, int]:
    """Records by what became of them."""
    items = RollbackItem.objects.filter(rollback_id=rollback.id)
    done = Counter(items.filter(step=Step.DONE).values_list("action", flat=True))
    other = Counter(items.exclude(step=Step.DONE).values_list("step", flat=True))
    told = {name: done[action] for action, name in COUNTED.items()}
    told["restricted"] += other[Step.RESTRICTED]
    told["withdrawn"] += other[Step.UNRECOVERABLE]
    steps = (Step.UNRECOVERABLE, Step.CHANGED, Step.ERASED, Step.DENIED)
    return told | {step.value: other[step] for step in steps}


def _end(rollback: Rollback) -> None:
    failed = rollback.state == Rollback.State.FAILED
    Operation.objects.filter(id=rollback.operation_id).update(
        state=Operation.State.FAILED if failed else Operation.State.DONE,
        step="",
        problem="policy-denied" if failed else "",
        result={"rollback_id": str(rollback.id)},
        finished_at=now(),
    )

"""Gather what a verdict depended on, so that it can be judged again offline. In the tenant's scope."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.record import record
from foundation.kernel.principal import Principal
from foundation.kernel.scope import current_tenant, tenant_transaction
from foundation.keyring import keys
from governance import opening
from governance.judging import candidate_of
from governance.models import Admission, MemCube
from governance.opening import Row, decision_of
from governance.services.revise import submission_of
from governance.weighing import path_of
from guard.grounds import Grounds
from guard.replay import Bundle
from guard.selectors import calibration
from guard.types import Calibration, Path, Ref
from tenants.roles import POLICY


def bundles(admission_ids: Sequence[UUID] | None = None, *, limit: int = 1000) -> Iterator[Bundle | UUID]:
    """A bundle for each of these admissions (None: the newest `limit`), or its id where the record was erased. The
    look is an event."""
    with tenant_transaction():
        rows = Admission.objects.order_by("-id")
        chosen = list(rows[:limit] if admission_ids is None else rows.filter(id__in=list(admission_ids)))
        system = Principal.system(current_tenant())
        record(system, Act.REVIEW_READ, policy=POLICY, detail={"admissions": [str(row.id) for row in chosen]})
    for admission in chosen:
        yield _bundle(admission) or admission.id


def _bundle(admission: Admission) -> Bundle | None:
    row, secret = _row(admission), keys.open_many([admission.version_id]).get(admission.version_id)
    opened = opening.unseal_existing([row] if row else [])
    if row is None or secret is None or not opened:
        return None
    memory, decision = opened[0], decision_of(admission, secret)
    forged = bool(decision.get("grounds", {}).get("forged"))
    subjects = tuple(memory.cube.subject_ids)
    candidate = candidate_of(memory.version.principal_id, submission_of(memory), subjects, forged=forged)
    return Bundle(str(admission.id), candidate, *_grounds(decision), decision)


def _row(admission: Admission) -> Row | None:
    with tenant_transaction(snapshot=True):
        rows = opening.rows([(admission.memcube_id, admission.version)])
    return rows[0] if rows else None


def _grounds(decision: dict[str, Any]) -> tuple[dict[Ref, Path], Calibration]:
    """The paths of the evidence that is still there, and the thresholds by which was judged."""
    if "grounds" not in decision:
        return {}, Calibration()
    grounds = Grounds.from_json(decision["grounds"])
    with tenant_transaction(snapshot=True):
        cubes = MemCube.objects.filter(id__in=[ref for ref, _ in grounds.refs], frozen=False)
        living = set(cubes.values_list("id", flat=True))
        rows = opening.rows([ref for ref in grounds.refs if ref[0] in living])
        own = calibration(grounds.calibration) if grounds.calibration else Calibration()
    return {memory.place: path_of(memory) for memory in opening.unseal_existing(rows)}, own

"""Review an incident: one decision, with one reason, for every record that waits in it."""

from uuid import UUID

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.outbox import enqueue
from foundation.kernel.principal import Principal, PrincipalKind, Role
from foundation.kernel.problems import AlreadyDecided, NotFound, Problem
from foundation.kernel.scope import current_tenant, tenant_transaction
from foundation.keyring import keys
from foundation.rest import idempotency
from governance.models import Admission, Incident, Operation
from governance.sealed import open_text, seal_text
from governance.services.review import approve, reject
from tenants.policy import Resource, may
from tenants.roles import POLICY

S = Incident.State


def review_incident(principal: Principal, *, incident_id: UUID, state: Incident.State, reason: str) -> Operation:
    """Start deciding everything that waits in the incident; its operation tells how far it is. Raises
    `AlreadyDecided`, and `NotFound` unless the reviewer reaches all of it."""
    secret = keys.named("record")
    with tenant_transaction():
        incident = Incident.objects.select_for_update().filter(id=incident_id).first()
        if incident is None:
            raise NotFound
        waiting = _waiting(incident_id)
        for space_id in set(waiting.values_list("space_id", flat=True)):
            may(principal, Act.DECISION_REVIEW, Resource(space_id=space_id))
        if incident.state != S.OPEN:
            raise AlreadyDecided
        incident.state, incident.decided_by, incident.decided_at = state, principal.id, now()
        incident.sealed_reason = seal_text(secret, _place(incident), reason)
        incident.save(force_update=True)
        operation = Operation(kind="incident", total=waiting.count())
        operation.save(force_insert=True)
        record(principal, Act.INCIDENT_REVIEW, target=Target("incident", incident_id), outcome=state, policy=POLICY)
        idempotency.complete(operation.id, 202)
        enqueue("incident.decide", {"incident": str(incident_id), "operation": str(operation.id)})
    return operation


def decide_incident(incident_id: UUID, operation_id: UUID) -> None:
    """Decide each record that waits, by the reviewer's word; those that cannot be (never cleared of personal data) stay
    held. May be repeated."""
    with tenant_transaction():
        incident = Incident.objects.get(id=incident_id)
        ids = list(_waiting(incident_id).order_by("id").values_list("id", flat=True))
    reason = open_text(keys.named("record"), _place(incident), incident.sealed_reason) or ""
    reviewer = Principal(incident.decided_by, current_tenant(), PrincipalKind.PERSON, Role.COMPLIANCE)
    decide = approve if incident.state == S.APPROVED else reject
    left = 0
    for admission_id in ids:
        try:
            decide(reviewer, admission_id=admission_id, reason=reason)
        except Problem:  # decided meanwhile, erased, or never cleared: one record's state holds up no other
            left += 1
        _progress(operation_id)
    _finish(operation_id, left)


def _waiting(incident_id: UUID):  # type: ignore[no-untyped-def]
    return Admission.objects.filter(incident_id=incident_id, state=Admission.State.HELD)


def _place(incident: Incident) -> str:
    return f"incident:{incident.id}:reason"


def _progress(operation_id: UUID) -> None:
    with tenant_transaction():
        operation = Operation.objects.select_for_update().get(id=operation_id)
        operation.state = Operation.State.RUNNING
        operation.done = min(operation.done + 1, operation.total)
        operation.save(force_update=True)


def _finish(operation_id: UUID, left: int) -> None:
    with tenant_transaction():
        operation = Operation.objects.select_for_update().get(id=operation_id)
        operation.state, operation.finished_at = Operation.State.DONE, now()
        operation.done = operation.total
        operation.result = {"left": left}
        operation.save(force_update=True)

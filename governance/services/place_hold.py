"""Place a legal hold: from now on nothing it covers is destroyed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Principal
from foundation.kernel.problems import FieldError, Validation
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.rest import idempotency
from governance.models import LegalHold, MemCube, Space, State, SubjectLink
from governance.sealed import seal_text
from governance.services.name_subjects import name_subjects
from tenants.policy import may
from tenants.roles import POLICY


@dataclass(frozen=True, slots=True)
class Held:
    """A hold, its name in clear for the reader, and how many records it covers now."""

    hold: LegalHold
    name: str
    records: int
    receipt: dict[str, Any] | None = None


def place_hold(
    principal: Principal,
    *,
    name: str,
    basis: str,
    subject: str | None = None,
    space_id: UUID | None = None,
    ids: Sequence[UUID] = (),
    custodians: Sequence[UUID] = (),
) -> Held:
    """The placed hold. A subject may be held before anything is known of them; spaces and ids must exist."""
    may(principal, Act.HOLD_PLACE)
    subject_id = name_subjects([subject])[subject] if subject else None
    hold = LegalHold(
        id=uuid7(),
        subject_id=subject_id,
        space_id=space_id,
        memcube_ids=sorted(set(ids)),
        custodians=list(custodians),
        basis=basis,
        placed_by=principal.id,
        placed_at=now(),
    )
    hold.sealed_name = seal_text(keys.named("record"), name_place(hold), name)
    with tenant_transaction():
        _check(hold)
        hold.save(force_insert=True)
        detail = {"subject": subject_id and str(subject_id), "space": space_id and str(space_id), "basis": basis}
        event = record(principal, Act.HOLD_PLACE, target=Target("hold", hold.id, 1), policy=POLICY, detail=detail)
        idempotency.complete(hold.id, 201)
        records = covered(hold)
    return Held(hold, name, records, receipt(event))


def name_place(hold: LegalHold) -> str:
    return f"hold:{hold.id}:name"


def covered(hold: LegalHold) -> int:
    """How many living records the hold covers."""
    ids = set(hold.memcube_ids)
    if hold.subject_id:
        ids |= set(SubjectLink.objects.filter(subject_id=hold.subject_id).values_list("memcube_id", flat=True))
    living = MemCube.objects.exclude(state=State.FORGOTTEN)
    if hold.space_id:
        ids |= set(living.filter(space_id=hold.space_id).values_list("id", flat=True))
    count: int = living.filter(id__in=ids).count()
    return count


def _check(hold: LegalHold) -> None:
    if not (hold.subject_id or hold.space_id or hold.memcube_ids):
        raise Validation(errors=[FieldError("/select", "required", "Name a subject, a space or ids.")])
    if hold.space_id and not Space.objects.filter(id=hold.space_id).exists():
        raise Validation(errors=[FieldError("/select/space", "unknown")])
    if MemCube.objects.filter(id__in=hold.memcube_ids).count() != len(hold.memcube_ids):
        raise Validation(errors=[FieldError("/select/ids", "unknown")])

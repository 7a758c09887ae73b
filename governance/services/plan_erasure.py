"""Plan an erasure: what would be destroyed, under which hash, and what keeps some of it."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Principal
from foundation.kernel.problems import NotFound
from foundation.kernel.rows import insert
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.rest import idempotency
from governance.cascade import Cascade, Selection, cascade
from governance.models import ErasureItem, ErasureRequest, Space
from governance.sealed import lookup, seal_text
from governance.services.name_subjects import find_subjects
from tenants.policy import may
from tenants.roles import POLICY

DUE_WITHIN = timedelta(days=30)  # GDPR article 12(3): one month
PLAN_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class PlannedErasure:
    """The request (unsaved for a dry run), what it reaches, and the secret that opens the certificate's commitment."""

    request: ErasureRequest
    cascade: Cascade
    secret: str | None
    receipt: dict[str, Any] | None


def plan_erasure(
    principal: Principal,
    *,
    subject: str | None = None,
    ids: Sequence[UUID] = (),
    space_id: UUID | None = None,
    source: str | None = None,
    basis: str,
    reason: str,
    dry_run: bool = False,
) -> PlannedErasure:
    """Plan to forget a subject, records, a space or a source. Raises `NotFound` when there is no such subject."""
    may(principal, Act.ERASURE_REQUEST)
    selection = _selection(subject, ids, space_id, source)
    secret = secrets.token_urlsafe(24)
    request = draft(principal, selection, basis)
    request.subject_commitment = commitment(secret, subject) if subject else None
    request.sealed_reason = seal_text(keys.named("record"), f"erasure:{request.id}:reason", reason)
    with tenant_transaction():
        planned = cascade(selection)
        request.manifest, request.counts = planned.manifest, planned.counts
        if dry_run:
            return PlannedErasure(request, planned, None, None)
        save(request, planned)
        detail = {"counts": planned.counts, "basis": basis}
        event = record(
            principal, Act.ERASURE_REQUEST, target=Target("erasure", request.id, None), policy=POLICY, detail=detail
        )
        idempotency.complete(request.id, 201)
    return PlannedErasure(request, planned, secret, receipt(event))


def commitment(secret: str, subject: str) -> bytes:
    """SHA-256 of the requester's secret and the subject's name: a certificate can be tied to a person only by who
    holds both."""
    return hashlib.sha256(f"{secret}\0{subject}".encode()).digest()


def selection_of(request: ErasureRequest) -> Selection:
    source = None if request.source_key is None else bytes(request.source_key)
    return Selection(request.subject_id, tuple(request.memcube_ids), request.space_id, source)


def _selection(subject: str | None, ids: Sequence[UUID], space_id: UUID | None, source: str | None) -> Selection:
    if subject is None:
        if space_id is not None:
            _must_exist(space_id)
        return Selection(None, tuple(ids), space_id, None if source is None else lookup("source", source))
    key = lookup("subject", subject, 32)
    found = find_subjects([key])
    if key not in found:
        raise NotFound("There is no such subject.")
    return Selection(subject_id=found[key])


def _must_exist(space_id: UUID) -> None:
    with tenant_transaction():
        if not Space.objects.filter(id=space_id).exists():
            raise NotFound


def draft(principal: Principal, selection: Selection, basis: str) -> ErasureRequest:
    """A request for what is selected, not kept yet."""
    at = now()
    return ErasureRequest(
        id=uuid7(),
        subject_id=selection.subject_id,
        space_id=selection.space_id,
        memcube_ids=list(selection.memcube_ids),
        source_key=selection.source_key,
        basis=basis,
        requested_by=principal.id,
        created_at=at,
        due_at=at + DUE_WITHIN,
        expires_at=at + PLAN_LIFE,
    )


def save(request: ErasureRequest, planned: Cascade) -> None:
    """Keep a request with the records that it takes (inside a transaction)."""
    request.save(force_insert=True)
    items = [
        ErasureItem(request_id=request.id, memcube_id=cube_id, relation=relation.value)
        for cube_id, relation in planned.relations.items()
    ]
    insert(items)
